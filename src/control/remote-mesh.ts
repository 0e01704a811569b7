import type { ComputationId, JobId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import type { LogEntry } from '../logs/log-collection.ts';
import type { Admission } from '../node/admission/admission.ts';
import type { LogOptions } from '../node/jobs/job-logs.ts';
import type { TraceEvent } from '../node/jobs/job-trace.ts';
import type { Recalled } from '../node/jobs/recall.ts';
import {
  type RecallOptions,
  type Submission,
  type SubmitOptions,
  toSubmission,
} from '../node/jobs/submission.ts';
import type {
  GcReport,
  Job,
  JobReport,
  JobRow,
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
} from '../node/mesh.ts';
import type { Rerun } from '../work/workforce.ts';
import { RemoteAdmission } from './admission-routes.ts';
import type { ControlClient } from './client.ts';
import type { OpenMesh } from './open.ts';
import { encodePublication } from './publication.ts';
import type { JobHandle } from './routes.ts';

/** A mesh through the running peer of a home. Closing it leaves the peer alone. */
export class RemoteMesh implements OpenMesh {
  readonly embedded = false;
  readonly admission: Admission;
  readonly #client: ControlClient;

  constructor(client: ControlClient) {
    this.#client = client;
    this.admission = new RemoteAdmission(client);
  }

  async publish(request: PublishRequest, options: WaitOptions = {}): Promise<Job> {
    const submission = await toSubmission(request);
    const { onWarning } = request;
    return this.submit(submission, { ...options, ...(onWarning ? { onWarning } : {}) });
  }

  async submit(submission: Submission, options: SubmitOptions = {}): Promise<Job> {
    const body = encodePublication(submission);
    const answer = await this.#client.ask('POST', 'jobs', { signal: options.signal, body });
    const { warnings, ...handle } = answer as JobHandle & { warnings: string[] };
    for (const line of warnings) options.onWarning?.(line);
    return new RemoteJob(this.#client, handle);
  }

  recall(submission: Submission, options: RecallOptions = {}): AsyncIterable<Recalled> {
    const body = encodePublication(submission);
    const { before, ...wait } = options;
    const route = before === undefined ? 'recall' : `recall?before=${before}`;
    return this.#client.lines(route, { ...wait, body }) as AsyncIterable<Recalled>;
  }

  async job(reference: string): Promise<Job> {
    // A path leaves these out; no job can have such a name.
    if (reference === '.' || reference === '..') {
      throw new MeshError('MESH_UNKNOWN_JOB', `no job "${reference}" is known here`);
    }
    const handle = await this.#client.ask('GET', `jobs/${encodeURIComponent(reference)}`);
    return new RemoteJob(this.#client, handle as JobHandle);
  }

  async jobs(): Promise<JobRow[]> {
    return (await this.#client.ask('GET', 'jobs')) as JobRow[];
  }

  async peers(): Promise<PeerRow[]> {
    return (await this.#client.ask('GET', 'peers')) as PeerRow[];
  }

  async status(): Promise<StatusReport> {
    return (await this.#client.ask('GET', 'status')) as StatusReport;
  }

  async slots(count: number): Promise<void> {
    await this.#client.ask('POST', `slots?value=${count}`);
  }

  async gc(maxBytes: number): Promise<GcReport> {
    return (await this.#client.ask('POST', `gc?max=${maxBytes}`)) as GcReport;
  }

  async invite(): Promise<string> {
    return (await this.#client.ask('GET', 'invite')) as string;
  }

  async stop({ mesh = false }: StopOptions = {}): Promise<void> {
    await this.#client.ask('POST', mesh ? 'stop?mesh' : 'stop');
  }

  async leave(): Promise<void> {
    await this.#client.ask('POST', 'leave');
  }

  /** At once: the peer goes on without this client. */
  async idle(): Promise<void> {}

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

class RemoteJob implements Job {
  readonly id: JobId;
  readonly name: string;
  readonly computation: ComputationId;
  readonly seed: number;
  readonly #client: ControlClient;

  constructor(client: ControlClient, handle: JobHandle) {
    this.id = handle.id;
    this.name = handle.name;
    this.computation = handle.computation;
    this.seed = handle.seed;
    this.#client = client;
  }

  results(options: ResultOptions = {}): AsyncIterable<ResultLine> {
    const { follow = true, asKnown = false } = options;
    const query = [...(follow ? ['follow'] : []), ...(asKnown ? ['asKnown'] : [])];
    const path = this.#path(query.length === 0 ? 'results' : `results?${query.join('&')}`);
    return this.#client.lines(path, options) as AsyncIterable<ResultLine>;
  }

  output(options: WaitOptions = {}): AsyncIterable<OutputPiece> {
    return this.#client.lines(this.#path('output'), options) as AsyncIterable<OutputPiece>;
  }

  progress(options: WaitOptions = {}): AsyncIterable<Progress> {
    return this.#client.lines(this.#path('progress'), options) as AsyncIterable<Progress>;
  }

  async done(options: WaitOptions = {}): Promise<Summary> {
    return (await this.#client.ask('GET', this.#path('done'), options)) as Summary;
  }

  async summary(): Promise<Summary> {
    return (await this.#client.ask('GET', this.#path('summary'))) as Summary;
  }

  async show(): Promise<JobReport> {
    return (await this.#client.ask('GET', this.#path('show'))) as JobReport;
  }

  async cancel(options: { readonly wait?: boolean } = {}): Promise<void> {
    await this.#client.ask('POST', this.#path(options.wait ? 'cancel?wait' : 'cancel'));
  }

  async pause(): Promise<void> {
    await this.#client.ask('POST', this.#path('pause'));
  }

  async resume(): Promise<void> {
    await this.#client.ask('POST', this.#path('resume'));
  }

  async priority(value: number): Promise<void> {
    await this.#client.ask('POST', this.#path(`priority?value=${value}`));
  }

  async skip(index: number): Promise<void> {
    await this.#client.ask('POST', this.#path(`skip?index=${index}`));
  }

  async rerun(index: number, options: WaitOptions = {}): Promise<Rerun> {
    return (await this.#client.ask('POST', this.#path(`rerun?index=${index}`), options)) as Rerun;
  }

  trace(index: number, options: WaitOptions = {}): AsyncIterable<TraceEvent> {
    const path = this.#path(`trace?index=${index}`);
    return this.#client.lines(path, options) as AsyncIterable<TraceEvent>;
  }

  logs({ signal, follow, ...filter }: LogOptions = {}): AsyncIterable<LogEntry> {
    const query = new URLSearchParams(follow === true ? { follow: '' } : {});
    for (const [key, value] of Object.entries(filter)) {
      if (value !== undefined) query.set(key, String(value));
    }
    const options = signal === undefined ? {} : { signal };
    return this.#client.lines(this.#path(`logs?${query}`), options) as AsyncIterable<LogEntry>;
  }

  async verify(options: WaitOptions & { readonly sample: number }): Promise<VerifyReport> {
    const path = this.#path(`verify?sample=${options.sample}`);
    return (await this.#client.ask('POST', path, { signal: options.signal })) as VerifyReport;
  }

  #path(action: string): string {
    return `jobs/${this.id}/${action}`;
  }
}
