import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { rests } from '../../core/duty.ts';
import type { ComputationId, JobId, PeerId } from '../../core/ids.ts';
import { type Interval, IntervalSet } from '../../core/interval-set.ts';
import type { JobState } from '../../core/job-state.ts';
import { BlockFolders } from '../../files/block-folders.ts';
import type { Usage } from '../../files/quota.ts';
import type { Network } from '../../net/network.ts';
import type { WorkInputs } from '../../work/workforce.ts';
import { longValue } from '../jobs/long-value.ts';
import type { Loop } from '../loop.ts';
import type { CommandValue } from '../reports/command-result.ts';
import { Backlog } from './backlog.ts';
import { Deliveries } from './deliveries.ts';
import { DeliveryLog } from './delivery-log.ts';
import { FileService } from './file-service.ts';
import { InputHoldings } from './input-holdings.ts';
import { sendingOf } from './sent-files.ts';
import { WorkFolders } from './work-folders.ts';

/** How long `gc` waits for the outputs of jobs that are over, in ms. */
const SETTLE_MS = 2000;

/** Values that wait for their outputs at once. */
const MOST_PENDING = 16;

/** What transfers need of their peer. */
export interface TransferOptions {
  readonly self: PeerId;
  /** Where files are kept, and what became of outputs is noted. */
  readonly files: string;
  /** What runs of this home keep of stdin. */
  readonly blocks: string;
  /** What the kept files may take of the disk, in bytes. */
  readonly quotaBytes: number;
  readonly delivered: string;
  /** Where long outputs of commands go. */
  readonly outputs: string;
  /** Where working folders are made; emptied when the peer starts. */
  readonly work: string;
  /** What a command may have in its working folder at most, in bytes. */
  readonly folderBytes: number;
  readonly log: (level: 'warn' | 'debug', event: string, fields: object) => void;
}

/** The files of commands that run on other machines than their publisher's: there and back. */
export class Transfers {
  readonly files: FileService;
  readonly folders: WorkFolders;
  readonly #blocks: BlockFolders;
  readonly #options: TransferOptions;
  readonly #deliveryLog: DeliveryLog;
  readonly #backlog: Backlog;
  #deliveries: Deliveries | null = null;
  #loop: Loop | null = null;
  #holdings: InputHoldings | null = null;
  /** Own jobs whose outputs are being fetched, or that have none. */
  readonly #followed = new Map<JobId, Promise<void>>();

  private constructor(options: TransferOptions, files: FileService, blocks: BlockFolders) {
    const { work, self, log, folderBytes: mostBytes } = options;
    this.files = files;
    this.#blocks = blocks;
    const slots = (): number => this.#loop?.state.self.slots ?? 1;
    this.folders = new WorkFolders(files, join(work, 'commands'), self, { log, mostBytes, slots });
    this.#options = options;
    this.#backlog = new Backlog({
      ...{ store: files.store, outputs: options.outputs, quotaBytes: options.quotaBytes },
      isOwn: (computation) => {
        const known = this.#loop?.state.computations.get(computation as ComputationId);
        const owner = known?.spec.commandsOf ?? null;
        return owner !== null && this.#isOwn(owner);
      },
      signal: files.signal,
    });
    this.#deliveryLog = new DeliveryLog(options.delivered);
  }

  static async open(options: TransferOptions): Promise<Transfers> {
    const { files, self, quotaBytes } = options;
    const blocks = new BlockFolders(options.blocks);
    return new Transfers(options, await FileService.open(files, self, quotaBytes, blocks), blocks);
  }

  /** Takes the network in, and goes on with what was not fetched before. */
  connect(loop: Loop, network: Network): void {
    this.#loop = loop;
    this.files.connect(network);
    this.#holdings = new InputHoldings(this.files.store, loop, network, this.files.signal);
    const { self, log } = this.#options;
    const { state } = loop;
    const viewOf = (peer: PeerId) => state.roster.all().find(([id]) => id === peer)?.[1];
    this.#deliveries = new Deliveries({
      ...{ self, files: this.files, log: this.#deliveryLog, outputs: this.#options.outputs },
      inputs: (computation) => loop.inputs(computation),
      nameOf: (peer) => (peer === self ? state.self.name : (viewOf(peer)?.register.name ?? peer)),
      isDead: (peer) => {
        const view = viewOf(peer);
        return view !== undefined && state.roster.state(view, loop.now()) === 'dead';
      },
      warn: (event, fields) => log('warn', event, fields),
    });
    for (const job of state.jobs.values()) this.changed(job.id);
    void this.#sweepBlocks();
  }

  /** What an execution of a job needs; see WorkFolders. */
  inputsOf(execution: number, inputs: WorkInputs): WorkInputs {
    const spec = this.#loop?.state.computations.get(inputs.computation)?.spec;
    const owner = spec?.commandsOf ?? null;
    const filled = this.folders.inputsOf(execution, inputs, owner);
    return owner === null || this.#isOwn(owner) ? filled : this.#backlog.heldBack(filled);
  }

  #isOwn(owner: PeerId): boolean {
    return owner === this.#options.self || this.#loop?.state.kin.has(owner) === true;
  }

  /** What of it waits for something, a line each. */
  notices(): string[] {
    return [...this.folders.notices(), ...this.#backlog.notices()];
  }

  /** See Deliveries.deliver. */
  async deliver(job: JobState, index: number, value: CommandValue): Promise<CommandValue> {
    return (await this.#deliveries?.deliver({ job, index, value })) ?? value;
  }

  /** A value as it was told before; null while its outputs are still to come. */
  recall(job: JobState, index: number, value: CommandValue): CommandValue | null {
    return this.#deliveries === null ? value : this.#deliveries.recall({ job, index, value });
  }

  /** Something of a job changed: the outputs of an own one are fetched, whoever waits for them. */
  changed(id: JobId): void {
    const job = this.#loop?.state.jobs.get(id);
    if (job === undefined) return;
    this.#holdings?.look(job);
    if (this.#followed.has(id)) return;
    if (job.computation.spec.commandsOf !== this.#options.self) return;
    const following = this.#follow(job).catch((error: unknown) => {
      if (!this.files.signal.aborted) {
        this.#options.log('warn', 'outputs.unfollowed', { job: id, why: String(error) });
      }
    });
    this.#followed.set(id, following);
  }

  forget(computation: ComputationId): void {
    this.#deliveryLog.forget(computation);
    this.#holdings?.forget(computation);
    this.folders.forget(computation);
    void this.#release((one) => one === computation);
  }

  /** Frees the disk of files until so much is left; what nobody will fetch any more goes first. */
  async gc(maxBytes: number): Promise<Usage & { readonly freedBytes: number }> {
    const state = this.#loop?.state;
    let blockBytes = 0;
    if (state !== undefined) {
      const { computations, jobs } = state;
      await this.files.store.release((one) => !computations.has(one));
      blockBytes = await this.#sweepBlocks();
      const over = [...this.#followed].filter(([id]) => jobs.get(id)?.active !== true);
      const settled = Promise.all(over.map(([, following]) => following));
      await Promise.race([settled, sleep(SETTLE_MS, undefined, { ref: false })]);
    }
    const swept = await this.files.store.sweep(maxBytes);
    return { ...swept, freedBytes: swept.freedBytes + blockBytes };
  }

  /**
   * What runs left that were killed goes, but for what their jobs go on with here. A job without
   * its blocks can come to nothing more. How many bytes were freed.
   */
  async #sweepBlocks(): Promise<number> {
    const loop = this.#loop;
    if (loop === null) return 0;
    const { state } = loop;
    const goesOn = (id: string): boolean => {
      const job = state.jobs.get(id);
      return job?.active === true && !rests(state, job);
    };
    // What cannot be removed now is looked at again at the next start.
    const swept = await this.#blocks.sweep(goesOn).catch(() => null);
    const change = { kind: 'cancel', reason: 'user', wait: false } as const;
    for (const job of swept?.jobs ?? []) {
      if (state.jobs.get(job)?.active !== true) continue;
      // It may end meanwhile, or this peer.
      await loop
        .request((request) => ({ kind: 'operate', request, job, change }))
        .catch(() => undefined);
    }
    return swept?.bytes ?? 0;
  }

  /** What cannot be read now is looked at by `gc`, or goes in some days. */
  async #release(isOver: (computation: ComputationId) => boolean): Promise<void> {
    await this.files.store.release(isOver).catch(() => undefined);
    await this.#sweepBlocks();
  }

  close(): void {
    this.files.close();
  }

  async #follow(job: JobState): Promise<void> {
    const loop = this.#loop;
    if (loop === null) return;
    const { signal } = this.files;
    const { computation, manifest } = job;
    const { program } = await loop.inputs(computation.id);
    if (!sendingOf(program).transfer) return;
    const seen = new IntervalSet();
    const pending = new Set<Promise<unknown>>();
    for (;;) {
      const { version } = computation.coverage;
      const { active } = job;
      const known = computation.coverage.within(0, manifest.target.count);
      const fresh: Interval[] = known.flatMap(([lo, hi]) => seen.gaps(lo, hi));
      for (const [lo, hi] of fresh) {
        for (let index = lo; index < hi; index++) {
          signal.throwIfAborted();
          const work = this.#deliverKnown(loop, job, index).catch((error: unknown) => {
            if (signal.aborted) return;
            this.#options.log('warn', 'output.failed', { job: job.id, index, why: String(error) });
          });
          pending.add(work.finally(() => pending.delete(work)));
          if (pending.size >= MOST_PENDING) await Promise.race(pending);
        }
        seen.add(lo, hi);
      }
      if (!active) {
        await Promise.all(pending);
        const jobs = [...loop.state.jobs.values()];
        if (jobs.some((other) => other.active && other.computation === computation)) return;
        return this.#release((one) => one === computation.id);
      }
      if (computation.coverage.version === version) await loop.changed(job.id, signal);
    }
  }

  async #deliverKnown(loop: Loop, job: JobState, index: number): Promise<void> {
    const outcome = job.computation.answers.get(index);
    if (outcome === undefined || outcome.kind === 'error') return;
    if (outcome.kind === 'long' && job.computation.missing.has(index)) return;
    const text =
      outcome.kind === 'value'
        ? outcome.text
        : new TextDecoder().decode(await longValue(loop, job.id, outcome.hash, this.files.signal));
    await this.deliver(job, index, JSON.parse(text) as CommandValue);
  }
}
