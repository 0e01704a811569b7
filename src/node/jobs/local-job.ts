import { setTimeout as sleep } from 'node:timers/promises';
import { finalLines, holdsAnswer, lineAt } from '../../core/answer.ts';
import { trusts } from '../../core/duty.ts';
import type { ComputationId, JobId } from '../../core/ids.ts';
import { IntervalSet, MAX_INDEX } from '../../core/interval-set.ts';
import type { JobState } from '../../core/job-state.ts';
import { isOfClass } from '../../core/manifest.ts';
import { MeshError } from '../../core/mesh-error.ts';
import type { Line } from '../../core/outcome-list.ts';
import type { OpChange } from '../../core/record.ts';
import type { LogEntry } from '../../logs/log-collection.ts';
import { commandItem } from '../../work/command/command-item.ts';
import type { Rerun, RerunOptions, Workforce } from '../../work/workforce.ts';
import type { Loop } from '../loop.ts';
import type {
  Job,
  JobReport,
  OutputPiece,
  Progress,
  ResultLine,
  ResultOptions,
  Summary,
  VerifyReport,
  WaitOptions,
} from '../mesh.ts';
import { type CommandValue, failureOf, hasSucceeded } from '../reports/command-result.ts';
import { ProgressMeter } from '../reports/progress.ts';
import { commandErrors, withCommands } from '../reports/reported-errors.ts';
import { jobReport, summaryOf } from '../reports/reports.ts';
import { fetchResults } from './fetch-results.ts';
import type { JobLogs, LogOptions } from './job-logs.ts';
import { type TraceEvent, traceEvents } from './job-trace.ts';
import { textsAtHand } from './line-texts.ts';
import { longValue } from './long-value.ts';
import { whole } from './terms.ts';
import { verifySample } from './verify-sample.ts';

/** Least time between two progress figures, in ms. */
const PROGRESS_MS = 200;

/** Candidates evaluated once more, for a person. */
let reruns = 0;

/** What a job of this process is worked on with. */
export interface LocalJobParts {
  readonly loop: Loop;
  readonly workforce: Workforce;
  readonly logs: JobLogs;
  /** The folder on whose disk it is kept. */
  readonly home: string;
}

/** A job of the peer inside this process. */
export class LocalJob implements Job {
  readonly id: JobId;
  readonly name: string;
  readonly computation: ComputationId;
  readonly seed: number;
  readonly #loop: Loop;
  readonly #workforce: Workforce;
  readonly #logs: JobLogs;
  readonly #home: string;
  readonly #job: JobState;

  constructor({ loop, workforce, logs, home }: LocalJobParts, job: JobState) {
    this.#loop = loop;
    this.#workforce = workforce;
    this.#logs = logs;
    this.#home = home;
    this.#job = job;
    this.id = job.id;
    this.name = job.manifest.name;
    this.computation = job.computation.id;
    this.seed = job.manifest.spec.seed;
  }

  async *results(options: ResultOptions = {}): AsyncGenerator<ResultLine> {
    const { signal, follow = true, asKnown = false } = options;
    if (follow) this.#want();
    if (asKnown && !this.#job.computation.isPure) {
      yield* this.#known(options);
      return;
    }
    for (let position = 0; ; ) {
      const final = finalLines(this.#job);
      for (; position < final; position++) {
        signal?.throwIfAborted();
        const line = lineAt(this.#job, position);
        if (line === undefined) throw new Error(`line ${position} of ${this.id} is not known`);
        const result = await this.#result(line, signal);
        this.#loop.told(this.id, line.index);
        yield result;
      }
      if (!follow || this.#isOver(position)) return;
      if (finalLines(this.#job) === final) await this.#loop.changed(this.id, signal);
    }
  }

  /**
   * The lines of `results` as text, each with a line feed behind it but the last of a piece: those
   * that are here whole come many at a time, and nobody reads their values.
   */
  async *resultTexts(options: ResultOptions = {}): AsyncGenerator<string> {
    const { signal, follow = true } = options;
    if (follow) this.#want();
    const { isPure } = this.#job.computation;
    if (!isPure) {
      for await (const line of this.results(options)) yield JSON.stringify(line);
      return;
    }
    for (let position = 0; ; ) {
      const final = finalLines(this.#job);
      while (position < final) {
        signal?.throwIfAborted();
        const { texts, end } = textsAtHand(this.#job, position, final);
        if (texts.length > 0) {
          position += texts.length;
          this.#loop.told(this.id, end - 1);
          yield texts.join('\n');
          continue;
        }
        const line = lineAt(this.#job, position);
        if (line === undefined) throw new Error(`line ${position} of ${this.id} is not known`);
        const result = await this.#result(line, signal);
        this.#loop.told(this.id, line.index);
        position++;
        yield JSON.stringify(result);
      }
      if (!follow || this.#isOver(position)) return;
      if (finalLines(this.#job) === final) await this.#loop.changed(this.id, signal);
    }
  }

  /** Lines of commands in the order in which they become known. */
  async *#known({ signal, follow = true }: ResultOptions): AsyncGenerator<ResultLine> {
    const { computation, manifest } = this.#job;
    const told = new IntervalSet();
    for (;;) {
      const isOver = this.#isOver(finalLines(this.#job));
      const { version } = computation.coverage;
      const known = computation.coverage.within(0, manifest.target.count);
      for (const [lo, hi] of known.flatMap(([lo, hi]) => told.gaps(lo, hi))) {
        for (let index = lo; index < hi; index++) {
          signal?.throwIfAborted();
          const outcome = computation.answers.get(index);
          if (outcome !== undefined) yield await this.#result({ index, outcome }, signal);
        }
        told.add(lo, hi);
      }
      if (!follow || isOver) return;
      // The job may have ended while a line was with its reader.
      if (this.#isOver(finalLines(this.#job))) continue;
      if (computation.coverage.version === version) await this.#loop.changed(this.id, signal);
    }
  }

  async *output({ signal }: WaitOptions = {}): AsyncGenerator<OutputPiece> {
    this.#want();
    const stop = new AbortController();
    const ended = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
    const watching = this.#untilOver(ended).finally(() => stop.abort());
    watching.catch(() => undefined);
    try {
      for await (const piece of this.#loop.outputs.follow(this.computation, ended)) {
        const { index, name, at, startedMs, bytes } = piece;
        const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
        yield { index, name, at, startedMs, base64 };
      }
    } finally {
      stop.abort();
    }
    signal?.throwIfAborted();
  }

  /** A peer that works for its own jobs on demand works for this one now. */
  #want(): void {
    this.#loop.dispatch({ kind: 'want', job: this.id });
  }

  /** Resolves once nothing of the job runs any more. */
  async #untilOver(signal: AbortSignal): Promise<void> {
    while (this.#job.active) await this.#loop.changed(this.id, signal);
  }

  async *progress(options: WaitOptions = {}): AsyncGenerator<Progress> {
    this.#want();
    const meter = new ProgressMeter(this.#home);
    for (;;) {
      const { state } = this.#loop;
      yield meter.read(state, this.#job, this.#loop.now());
      // An answer that is not on the disk yet is told to nobody.
      if (!this.#job.active) await this.#loop.journal.flush();
      if (!this.#job.active && !state.diskFull) return;
      const pause = AbortSignal.timeout(1000);
      const signals = options.signal === undefined ? [pause] : [pause, options.signal];
      const until = this.#loop.now() + PROGRESS_MS;
      try {
        await this.#loop.changed(this.id, AbortSignal.any(signals));
      } catch (error) {
        if (!pause.aborted || options.signal?.aborted === true) throw error;
      }
      await rest(until - this.#loop.now(), options.signal);
    }
  }

  async done(options: WaitOptions = {}): Promise<Summary> {
    const { signal } = options;
    this.#want();
    await this.#loop.request((request) => ({ kind: 'confirm', request, job: this.id }), signal);
    while (!this.#isOver(finalLines(this.#job))) await this.#loop.changed(this.id, signal);
    return this.summary();
  }

  async summary(): Promise<Summary> {
    // A function's is told in the same turn: its last progress line is not drawn once more.
    const { isPure } = this.#job.computation;
    const failed = isPure ? 0 : await this.#loop.failures.count(this.#job);
    const summary = summaryOf(this.#loop.state, this.#job, this.#loop.now(), failed);
    const told = this.#job.active ? 0 : this.#loop.toldEnd(this.id);
    const revised = this.#job.computation.revisedBelow(told);
    return revised === null ? summary : { ...summary, status: 'impure' };
  }

  async show(): Promise<JobReport> {
    const bytes = await this.#loop.blob(this.#job.manifest.spec.params);
    const params: unknown =
      bytes === undefined ? null : JSON.parse(new TextDecoder().decode(bytes));
    const { failures, state } = this.#loop;
    const { isPure } = this.#job.computation;
    if (!isPure) {
      await fetchResults(this.#loop, this.id, await failures.unread(this.#job));
    }
    const failedCommands = await failures.count(this.#job);
    const unread = (await failures.unread(this.#job)).length;
    const known = { params, failedCommands, unread };
    if (isPure) return jobReport(state, this.#job, this.#loop.now(), known);
    const textAt = (index: number) => this.#command(index);
    const errors = await commandErrors(this.#job, failures, textAt);
    const report = jobReport(state, this.#job, this.#loop.now(), { ...known, errors });
    const { attemptGroups: groups } = report;
    const named = withCommands(groups, ({ indices: [first = 0] }) => textAt(first));
    return { ...report, attemptGroups: await named };
  }

  async cancel(options: { readonly wait?: boolean } = {}): Promise<void> {
    await this.#operate({ kind: 'cancel', reason: 'user', wait: options.wait === true });
  }

  async pause(): Promise<void> {
    await this.#operate({ kind: 'pause', paused: true });
  }

  async resume(): Promise<void> {
    await this.#operate({ kind: 'pause', paused: false });
  }

  async priority(value: number): Promise<void> {
    await this.#operate({ kind: 'priority', priority: value });
  }

  async skip(index: number): Promise<void> {
    await this.#loop.request((request) => ({ kind: 'skip', request, job: this.id, index }));
  }

  rerun(index: number, options: WaitOptions = {}): Promise<Rerun> {
    return this.#rerun(index, options);
  }

  trace(index: number, options: WaitOptions = {}): AsyncIterable<TraceEvent> {
    return traceEvents((trace) => this.#rerun(index, { ...options, trace }));
  }

  async #rerun(index: number, options: RerunOptions): Promise<Rerun> {
    const { spec } = this.#job.manifest;
    whole('index', index, 0, MAX_INDEX);
    if (spec.items !== null && index >= spec.items.count) {
      throw new TypeError(`${this.name} has ${spec.items.count} items: no index ${index}`);
    }
    if (!trusts(this.#loop.state, this.#job.manifest.owner)) {
      const text = `the publisher of ${this.name} is not trusted here: see \`meshd trust\``;
      throw new MeshError('MESH_UNTRUSTED', text);
    }
    const { folders } = this.#loop.transfers;
    const execution = -1 - reruns++;
    const inputs = await this.#loop.inputs(this.computation);
    try {
      const placed = this.#loop.transfers.inputsOf(execution, inputs);
      return await this.#workforce.rerun(placed, this.#job.limits, index, options);
    } finally {
      folders.over(execution);
    }
  }

  logs(options: LogOptions = {}): AsyncIterable<LogEntry> {
    return this.#logs.collect(this, options);
  }

  async verify(options: WaitOptions & { readonly sample: number }): Promise<VerifyReport> {
    if (!this.#job.computation.isPure) {
      const text = `${this.name} is of commands: two runs of one need not come to the same`;
      throw new MeshError('MESH_NOT_EVALUATED', text);
    }
    const { slots, mathClass } = this.#loop.state.self;
    // Another class would find differences in a pure function.
    if (slots === 0 || !isOfClass(this.#job.computation.spec, mathClass)) {
      const why = slots === 0 ? 'it has no slots' : `its Math class is ${mathClass}`;
      const text = `this peer does not evaluate ${this.name} (${why}): verify it on another peer`;
      throw new MeshError('MESH_NOT_EVALUATED', text);
    }
    const ranges = verifySample(this.#job, options.sample);
    if (ranges.length === 0) {
      throw new MeshError('MESH_NOT_EVALUATED', `nothing of ${this.name} is evaluated yet`);
    }
    const answer = await this.#loop.request(
      (request) => ({ kind: 'verify', request, job: this.id, ranges }),
      options.signal,
    );
    if (answer.kind !== 'verified') throw new Error(`verify was answered by ${answer.kind}`);
    const { checked } = answer;
    const different = answer.different.toSorted((a, b) => a.index - b.index);
    return { checked, equal: checked - different.length, different };
  }

  async #operate(change: OpChange): Promise<void> {
    await this.#loop.request((request) => ({ kind: 'operate', request, job: this.id, change }));
  }

  /** True once no further line can come. */
  #isOver(position: number): boolean {
    const { ending } = this.#job;
    if (ending !== null) return holdsAnswer(this.#job) && position >= ending.lines;
    return !this.#job.active;
  }

  async #result(line: Line, signal?: AbortSignal): Promise<ResultLine> {
    const { index, outcome } = line;
    const { isPure, missing } = this.#job.computation;
    const named = isPure ? { index } : { index, ...(await this.#command(index)) };
    if (outcome.kind === 'error') return { ...named, error: outcome.name };
    if (outcome.kind === 'long' && !isPure && missing.has(index)) {
      return { ...named, error: 'value lost' };
    }
    const text =
      outcome.kind === 'value'
        ? outcome.text
        : new TextDecoder().decode(await longValue(this.#loop, this.id, outcome.hash, signal));
    const value: unknown = JSON.parse(text);
    if (isPure) return { index, value };
    const { transfers } = this.#loop;
    const made = value as CommandValue;
    const left = await settled(transfers.deliver(this.#job, index, made), signal);
    // A command that failed has a line that says so; what it left stands beside.
    return { ...named, ...(hasSucceeded(left) ? {} : { error: failureOf(left) }), value: left };
  }

  /** The text of a command, if it is on this machine. */
  async #command(index: number): Promise<{ readonly command?: string }> {
    try {
      const items = await this.#loop.items(this.computation);
      const [item] = (await items?.(index, index + 1)) ?? [];
      return item === undefined ? {} : { command: commandItem(JSON.parse(item)).command };
    } catch {
      // Its result is there all the same.
      return {};
    }
  }
}

/** What a promise comes to, or the reason of an abort before that. */
async function settled<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Waits; the signal ends it early. */
async function rest(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  await sleep(ms, undefined, signal === undefined ? {} : { signal });
}
