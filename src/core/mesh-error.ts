/** Codes of MeshError; they last, the texts may change. */
export type MeshErrorCode =
  | 'MESH_USAGE'
  | 'MESH_NO_FILE'
  | 'MESH_BAD_FUNCTION'
  | 'MESH_BAD_PARAMS'
  | 'MESH_BAD_INVITE'
  | 'MESH_OTHER_MESH'
  | 'MESH_NO_BOOTSTRAP'
  | 'MESH_NO_PEER'
  | 'MESH_REFUSED'
  | 'MESH_NOT_MEMBER'
  | 'MESH_HOME_IN_USE'
  | 'MESH_HOME_UNUSABLE'
  | 'MESH_PORT_IN_USE'
  | 'MESH_UNKNOWN_JOB'
  | 'MESH_AMBIGUOUS'
  | 'MESH_JOB_ENDED'
  | 'MESH_UNTRUSTED'
  | 'MESH_NOT_EVALUATED'
  | 'MESH_DISK_FULL'
  | 'MESH_STOPPED'
  | 'MESH_INTERNAL';

/** An expected failure: what failed, on what, and what to do next, in one line. */
export class MeshError extends Error {
  readonly code: MeshErrorCode;

  constructor(code: MeshErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'MeshError';
    this.code = code;
  }
}
