import { hasIdFrom } from '../core/duty.ts';
import type { JobId } from '../core/ids.ts';
import type { JobState } from '../core/job-state.ts';
import { MeshError } from '../core/mesh-error.ts';
import { LIMITS } from '../core/register-codec.ts';
import type { Network } from '../net/network.ts';
import type { Workforce } from '../work/workforce.ts';
import type { LocalAdmission } from './admission/admission.ts';
import type { JobLogs } from './jobs/job-logs.ts';
import { LocalJob } from './jobs/local-job.ts';
import { publishSubmission } from './jobs/publication.ts';
import { type Recalled, recall } from './jobs/recall.ts';
import {
  type RecallOptions,
  type Submission,
  type SubmitOptions,
  type Submitter,
  toSubmission,
} from './jobs/submission.ts';
import type { Loop } from './loop.ts';
import type {
  GcReport,
  Job,
  JobRow,
  Mesh,
  PeerRow,
  PublishRequest,
  StatusReport,
  StopOptions,
  WaitOptions,
} from './mesh.ts';
import { whyNotHere } from './reports/not-here.ts';
import { peerRows } from './reports/peer-rows.ts';
import { jobRow } from './reports/reports.ts';
import { checkMemory } from './slot-memory.ts';

/** Jobs that a prefix fits, and characters of a name, which a message shows at most. */
const SHOWN_JOBS = 5;
const SHOWN_CHARACTERS = 64;

/** What a local mesh is a view of. */
export interface LocalMeshParts {
  readonly loop: Loop;
  readonly network: Network;
  readonly workforce: Workforce;
  readonly logs: JobLogs;
  readonly home: string;
  readonly meshId: string | null;
  readonly relayBytesPerSecond: number | null;
  readonly admission: LocalAdmission;
  invite(): string | null;
  end(how: 'stopped' | 'left'): Promise<void>;
}

/** The order in which jobs were published, as far as their owners' clocks tell. */
function publishedFirst(a: JobState, b: JobState): number {
  return a.manifest.publishedAt - b.manifest.publishedAt || (a.id < b.id ? -1 : 1);
}

/** The mesh as the peer inside this process sees it. */
export class LocalMesh implements Mesh, Submitter {
  readonly embedded = true;
  readonly #parts: LocalMeshParts;

  constructor(parts: LocalMeshParts) {
    this.#parts = parts;
  }

  async publish(request: PublishRequest, options: WaitOptions = {}): Promise<Job> {
    const submission = await toSubmission(request);
    const onWarning = request.onWarning === undefined ? {} : { onWarning: request.onWarning };
    return this.submit(submission, { ...options, ...onWarning });
  }

  async submit(submission: Submission, options: SubmitOptions = {}): Promise<Job> {
    const { loop, workforce, admission } = this.#parts;
    const shutOut = admission.shutOut();
    if (shutOut !== null) options.onWarning?.(`no other machine runs this job: ${shutOut}`);
    return this.job(await publishSubmission(loop, workforce, submission, options));
  }

  recall(submission: Submission, options?: RecallOptions): AsyncIterable<Recalled> {
    return recall(this.#parts.loop, submission, options);
  }

  async job(reference: string): Promise<Job> {
    const { loop, workforce, logs, home } = this.#parts;
    return new LocalJob({ loop, workforce, logs, home }, this.#find(reference));
  }

  get admission(): LocalAdmission {
    return this.#parts.admission;
  }

  async jobs(): Promise<JobRow[]> {
    const { state, failures } = this.#parts.loop;
    const rows: JobRow[] = [];
    for (const job of [...state.jobs.values()].sort(publishedFirst)) {
      const failed = await failures.count(job);
      rows.push(jobRow(state, job, this.#parts.loop.now(), failed));
    }
    return rows;
  }

  async peers(): Promise<PeerRow[]> {
    const { loop, network } = this.#parts;
    return peerRows(loop.state, network, loop.now());
  }

  async status(): Promise<StatusReport> {
    const { loop, home, meshId } = this.#parts;
    const { state } = loop;
    const rows = await this.peers();
    const count = (what: PeerRow['state']): number =>
      rows.filter((row) => row.state === what).length;
    const active = [...state.jobs.values()].filter((job) => job.active).length;
    return {
      peer: state.self.peer,
      name: state.self.name,
      version: state.self.version,
      home,
      mesh: meshId,
      addresses: state.addresses,
      slots: state.self.slots,
      busy: rows[0]?.busy ?? 0,
      tags: state.offer.tags,
      offer: state.offer,
      sandbox: await loop.sandboxes.report(),
      memoryLimit: process.platform === 'linux' ? 'process tree' : 'process',
      mathClass: state.self.mathClass,
      relayBytesPerSecond: this.#parts.relayBytesPerSecond,
      peers: { alive: count('alive'), suspect: count('suspect'), dead: count('dead') },
      jobs: { active, ended: state.jobs.size - active },
      files: await loop.transfers.files.usage(),
      uptimeSeconds: loop.now() / 1000,
      rssBytes: process.memoryUsage.rss(),
      notices: this.#notices(),
    };
  }

  async slots(count: number): Promise<void> {
    if (!Number.isInteger(count) || count < 0 || count > LIMITS.slots) {
      throw new TypeError(`slots must be a whole number from 0 to ${LIMITS.slots}, not ${count}`);
    }
    const { loop, workforce } = this.#parts;
    checkMemory(loop.state.offer.memoryBytes, count);
    workforce.resize(count);
    loop.dispatch({ kind: 'slots', slots: count });
  }

  async gc(maxBytes: number): Promise<GcReport> {
    if (!Number.isSafeInteger(maxBytes) || maxBytes < 0) {
      throw new TypeError(`gc keeps a whole number of bytes, not ${maxBytes}`);
    }
    return this.#parts.loop.transfers.gc(maxBytes);
  }

  async invite(): Promise<string> {
    const invite = this.#parts.invite();
    if (invite !== null) return invite;
    throw new MeshError(
      'MESH_NOT_MEMBER',
      'this home belongs to no mesh: `meshd start` makes one, `meshd join INVITE` enters one',
    );
  }

  stop({ mesh = false }: StopOptions = {}): Promise<void> {
    // What it sends to the others goes before the farewell.
    if (mesh) this.#parts.loop.dispatch({ kind: 'quit' });
    return this.#parts.end('stopped');
  }

  leave(): Promise<void> {
    return this.#parts.end('left');
  }

  close(): Promise<void> {
    return this.#parts.end('stopped');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * A job by its id, its name (the newest), or a unique prefix of its id or its successor's. A name
   * may look like the beginning of another job's id.
   */
  #find(reference: string): JobState {
    const { jobs: known } = this.#parts.loop.state;
    const jobs = [...known.values()];
    const byName = jobs.filter((job) => job.manifest.name === reference);
    const exact = known.get(reference as JobId) ?? byName.sort(publishedFirst).at(-1);
    if (exact !== undefined) return exact;
    const byId = jobs.filter((job) => hasIdFrom(job, reference));
    if (byId.length === 1 && byId[0] !== undefined) return byId[0];
    if (byId.length > 1) {
      const ids = byId.slice(0, SHOWN_JOBS).map((job) => job.id.slice(0, 12));
      const more = byId.length > ids.length ? ', …' : '';
      const fits = `${reference} fits ${byId.length} jobs: ${ids.join(', ')}${more}`;
      throw new MeshError('MESH_AMBIGUOUS', fits);
    }
    const isLong = reference.length > SHOWN_CHARACTERS;
    const shown = isLong ? `${reference.slice(0, SHOWN_CHARACTERS)}…` : reference;
    throw new MeshError('MESH_UNKNOWN_JOB', `no job ${JSON.stringify(shown)} is known here`);
  }

  #notices(): string[] {
    const { state } = this.#parts.loop;
    const notices = this.#parts.admission.notices();
    const { members } = this.#parts.loop;
    if (members > 0 && state.connected.size === 0 && notices.length === 0) {
      notices.push(
        `none of the ${members} members known from before answers: join one by an invite`,
      );
    }
    if (state.diskFull) notices.push('the disk is full: this peer takes no work and keeps serving');
    notices.push(...this.#parts.loop.transfers.notices());
    for (const job of state.jobs.values()) {
      const { computation, manifest } = job;
      const label = `${manifest.name} (${job.id.slice(0, 12)})`;
      const why = whyNotHere(state, job);
      if (why !== null) notices.push(`${label} is not evaluated here: ${why}`);
      const [disputed] = computation.openDisputes();
      if (disputed !== undefined) notices.push(`${label}: evaluations of ${disputed} disagree`);
      const [alarm] = job.alarms;
      const more = job.alarms.length - 1;
      if (alarm !== undefined) {
        notices.push(`${label}: ${alarm}${more > 0 ? ` (${more} more in \`show\`)` : ''}`);
      }
    }
    return notices.slice(0, 100);
  }
}
