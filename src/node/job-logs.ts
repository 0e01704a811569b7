import { setTimeout as sleep } from 'node:timers/promises';
import type { ComputationId, JobId } from '../core/ids.ts';
import type { LogLevel } from '../core/log-line.ts';
import { collectLogs, type LogEntry, type LogFilter, linesToSend } from '../logs/log-collection.ts';
import type { LogKeeper } from '../logs/log-keeper.ts';
import type { Loop } from './loop.ts';
import type { WaitOptions } from './mesh.ts';

/** A peer that is silent so long is named as missing, in ms. */
const PATIENCE_MS = 10_000;
/** From a job's end to the last of what its candidates logged, in ms. */
const LAST_MS = 500;

export interface LogOptions extends WaitOptions {
  /** Goes on with what comes until the job ends. @default false */
  readonly follow?: boolean;
  /** By name, or a unique beginning of its id: lines of that peer alone. @default all peers */
  readonly peer?: string;
  /** Lines of that candidate alone. @default all */
  readonly index?: number;
  /** Lines not below this level. @default debug */
  readonly level?: LogLevel;
}

/** What a job's candidates logged, here and on the other peers. */
export class JobLogs {
  readonly #loop: Loop;
  readonly #logs: LogKeeper;

  constructor(loop: Loop, logs: LogKeeper) {
    this.#loop = loop;
    this.#logs = logs;
  }

  async *collect(
    { id, computation }: { readonly id: JobId; readonly computation: ComputationId },
    options: LogOptions,
  ): AsyncGenerator<LogEntry> {
    const { follow = false, index = null, level = 'debug', signal } = options;
    const { self } = this.#loop.state;
    const filter = { index, level };
    yield* collectLogs({
      sources: [
        { peer: self.peer, open: (end) => this.#own(id, computation, filter, follow, end) },
      ],
      over: follow ? this.#ended(id, signal) : null,
      patienceMs: PATIENCE_MS,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** The lines that are here; with `follow` also those to come, until the job has ended here. */
  #own(
    job: JobId,
    computation: ComputationId,
    filter: LogFilter,
    follow: boolean,
    signal: AbortSignal,
  ): AsyncIterable<string> {
    const stop = new AbortController();
    const end = AbortSignal.any([signal, stop.signal]);
    if (follow) {
      this.#ended(job, signal)
        .then(() => sleep(LAST_MS, undefined, { signal }))
        .catch(() => undefined)
        .finally(() => stop.abort());
    }
    return linesToSend(
      (caughtUp) => this.#logs.read(computation, follow ? { follow: end, caughtUp } : {}),
      filter,
    );
  }

  /** Resolves once a job has ended as far as this peer knows. */
  async #ended(job: JobId, signal?: AbortSignal): Promise<void> {
    while (this.#loop.state.jobs.get(job)?.active === true) await this.#loop.changed(job, signal);
  }
}
