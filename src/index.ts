import './node/check-node.ts';

export { defaultHome } from './control/home.ts';
export { type OpenMesh, type OpenOptions, open } from './control/open.ts';
export type { LogLevel, LogLine } from './core/log-line.ts';
export { MeshError, type MeshErrorCode } from './core/mesh-error.ts';
export type { CollectedLine, LogEntry, MissingLog } from './logs/log-collection.ts';
export type { Admission, RemovedPeer, Rotation } from './node/admission/admission.ts';
export type { TrustChange } from './node/admission/trust-list.ts';
export type { FileUsage } from './node/files/file-service.ts';
export type { LogOptions } from './node/jobs/job-logs.ts';
export type { TraceEvent } from './node/jobs/job-trace.ts';
export type { Submission, SubmitOptions, Submitter } from './node/jobs/submission.ts';
export type {
  GcReport,
  Job,
  JobReport,
  JobRow,
  JobStatus,
  Mesh,
  OutputPiece,
  PeerRow,
  Progress,
  PublishRequest,
  ResultLine,
  ResultOptions,
  StatusReport,
  StopOptions,
  Summary,
  VerifyReport,
  WaitOptions,
} from './node/mesh.ts';
export type { Draw } from './work/candidate/trace.ts';
export type { Rerun, Usage } from './work/workforce.ts';
