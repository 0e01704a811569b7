import type { Column, ErrorOutcome } from '../core/column.ts';
import { columnText } from '../core/column.ts';
import type { LogLine } from '../core/log-line.ts';
import { MeshError } from '../core/mesh-error.ts';
import type { ValueColumn } from './candidate/accepted-column.ts';
import { isWorkerProgram, STRAY } from './exec/worker-mark.ts';
import { type Executor, LoadError } from './executor.ts';
import type { Span } from './executor-message.ts';
import { conditionText } from './log-condition.ts';
import type {
  Probe,
  ProbeOptions,
  Rerun,
  WorkFailure,
  WorkInputs,
  WorkOrder,
} from './workforce.ts';

/** Candidates of a probe. */
export const PROBED = 64;
/** Its longest time, … */
const LIMIT_MS = 2000;
/** … how long it goes on behind the first one, and what that one takes at most then. */
const REST_MS = 30;
const QUICK_MS = 50;
/** From this time of the first one on, … */
const SLOW_MS = 1;
/** … the rest goes in batches of so many, between which it can end. */
const SLOW_STEP = 16;
/** A lasting worker that writes a line too many does so soon after its answer. */
const STRAY_MS = 100;
/** An import and setup that take longer are left alone: the probe tells nothing then. */
const LOAD_MS = 10_000;

/** What a probe told, and whether its executor can be used on. */
export interface ProbeResult {
  readonly probe: Probe;
  readonly usable: boolean;
}

/**
 * Evaluates the first candidates in an executor, `most` of them at most, or the very first where it
 * takes 50 ms or more; then candidate 0 again where more than one may be evaluated. again: told
 * true before that, and false after it: what the second evaluation logs was logged by the first.
 * logIf: as an order's.
 * @throws MeshError MESH_BAD_FUNCTION when the program cannot be imported or set up, or when a
 * lasting worker writes a line that is no answer
 */
export async function probeWith(
  executor: Executor,
  inputs: WorkInputs,
  options: ProbeOptions & { most: number; again: (isAgain: boolean) => void },
): Promise<ProbeResult> {
  const { most, again, logIf, loadMs = LOAD_MS } = options;
  const condition = logIf === undefined ? {} : { logIf: conditionText(logIf) };
  const nothing: Probe = { hi: 0, accepted: [], errors: [], ms: 0 };
  const waiting = new AbortController();
  const late = delay(loadMs, waiting.signal).then(() => 'late' as const);
  try {
    const first = await Promise.race([executor.loaded.then(() => 'loaded' as const), late]);
    if (first === 'late') return { probe: { ...nothing, loadsMs: loadMs }, usable: false };
  } catch (error) {
    throw new MeshError('MESH_BAD_FUNCTION', (error as Error).message, { cause: error });
  } finally {
    waiting.abort();
  }
  const items = await inputs.items?.(0, most);
  const hi = items?.length ?? most;
  if (hi === 0) return { probe: nothing, usable: true };
  const startedAt = performance.now();
  const isWorker = isWorkerProgram(inputs.program);
  const within = (lo: number, end: number): Pick<Span, 'lo' | 'hi' | 'items'> => {
    return { lo, hi: end, ...(items === undefined ? {} : { items: items.slice(lo, end) }) };
  };
  const timeLeft = (): number => LIMIT_MS - (performance.now() - startedAt);
  const more = async (before: ProbeResult): Promise<ProbeResult> => {
    const isSlow = before.probe.ms >= SLOW_MS;
    const span = { ...within(1, hi), careful: isSlow ? { until: hi, step: SLOW_STEP } : null };
    const rest = await run(executor, span, { limitMs: timeLeft(), restMs: REST_MS, condition });
    return { probe: joined(before.probe, rest.probe), usable: rest.usable };
  };
  // What a worker writes beside its answers would be taken for the next ones.
  const quietMs = isWorker ? STRAY_MS : 0;
  const first = await run(executor, within(0, 1), { condition, quietMs });
  const goesOn = first.usable && first.probe.hi > 0;
  const isQuick = goesOn && hi > 1 && !isWorker && first.probe.ms < QUICK_MS;
  const result = isQuick ? await more(first) : first;
  const leftMs = timeLeft();
  // A second evaluation that takes as long as the first one would not end in time.
  const isLong = first.probe.ms > leftMs / 2;
  if (!goesOn || !result.usable || isLong || most === 1) return result;
  again(true);
  const second = await run(executor, within(0, 1), { limitMs: leftMs, condition });
  again(false);
  const differs = [firstOutcome(result.probe), firstOutcome(second.probe)] as const;
  if (second.probe.hi > 0 && differs[0] !== differs[1]) {
    // In an executor that goes on with another seed the same function would not be found out.
    return { probe: { ...result.probe, differs }, usable: false };
  }
  const isRest = isWorker && hi > 1 && second.usable;
  return isRest ? more(first) : { ...result, usable: second.usable };
}

/** What two probes told, of which one begins where the other ends. */
function joined(first: Probe, rest: Probe): Probe {
  return {
    hi: rest.hi,
    accepted: [...first.accepted, ...rest.accepted],
    errors: [...first.errors, ...rest.errors],
    ms: first.ms + rest.ms,
  };
}

/** What to say of a worker that ended for a line too many; null of any other death. */
function strayIn({ detail }: WorkFailure): MeshError | null {
  const at = detail.indexOf(STRAY);
  if (at < 0) return null;
  const line = detail.slice(at + STRAY.length + 2);
  const what = `the worker writes more than one line for a candidate: ${line}`;
  return new MeshError('MESH_BAD_FUNCTION', `${what} (what is no answer goes to stderr)`);
}

/** What candidate 0 came to, as a text. */
function firstOutcome({ accepted, errors }: Probe): string {
  const column = accepted.find(({ indices }) => indices[0] === 0);
  if (column !== undefined && column.kind !== 'hash') return columnText(column, 0);
  const error = errors.find(({ index }) => index === 0);
  return error === undefined ? 'rejected' : `error ${error.name}`;
}

/**
 * Why a lasting worker ends before it is asked anything, in words; null: it does not, in `mostMs`.
 * executor: a new one.
 */
export async function whyNoStart(executor: Executor, mostMs: number): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<WorkFailure | null>();
  const timer = setTimeout(resolve, mostMs, null);
  try {
    await executor.loaded;
    const nothing = (): void => undefined;
    executor.listen({ batch: nothing, failure: nothing, drained: nothing, died: resolve });
    const failure = await promise;
    // The executor ends with its worker, and says why: its own end is no news.
    return failure?.detail.replace(/^the executor died: .*?: Error: /, '') ?? null;
  } catch (error) {
    if (error instanceof LoadError) return error.failure.detail;
    throw error;
  } finally {
    clearTimeout(timer);
    executor.kill();
  }
}

/**
 * quietMs: how long an executor must not die after the last candidate. restMs: after which it comes
 * to an end with the candidate in hand.
 */
async function run(
  executor: Executor,
  span: Pick<Span, 'lo' | 'hi' | 'items'> & Partial<Pick<Span, 'careful'>>,
  {
    condition,
    limitMs = LIMIT_MS,
    quietMs = 0,
    restMs = null,
  }: {
    readonly condition: Pick<WorkOrder, 'logIf'>;
    readonly limitMs?: number;
    readonly quietMs?: number;
    readonly restMs?: number | null;
  },
): Promise<ProbeResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ProbeResult>();
  const accepted: ValueColumn[] = [];
  const errors: ErrorOutcome[] = [];
  let hi = span.lo;
  let ms = 0;
  let after = restMs === null ? undefined : setTimeout(() => executor.drain(), restMs);
  const limit = setTimeout(() => told(false), limitMs);

  function told(usable: boolean, failure?: WorkFailure): void {
    clearTimeout(limit);
    clearTimeout(after);
    executor.listen(null);
    const probe: Probe = { hi, accepted: accepted as readonly Column[], errors, ms };
    const failed = failure !== undefined && hi === 0;
    resolve({ probe: failed ? { ...probe, failure } : probe, usable });
  }
  executor.listen({
    batch(batch) {
      hi = batch.hi;
      ms += batch.ms;
      if (batch.column !== null) accepted.push(batch.column);
      errors.push(...batch.errors);
      if (hi < span.hi) return;
      if (quietMs === 0) told(true);
      else after = setTimeout(() => told(true), quietMs);
    },
    failure: (_, failure) => told(false, failure),
    drained: () => told(true),
    died(failure) {
      const stray = strayIn(failure);
      if (stray !== null) reject(stray);
      told(false, failure);
    },
  });
  executor.start({ careful: null, ...span, ...condition });
  return promise;
}

/** Evaluates one candidate in an executor of its own; `lines` is what that executor logs to. */
export async function rerunWith(
  executor: Executor,
  inputs: WorkInputs,
  index: number,
  lines: readonly LogLine[],
): Promise<Rerun> {
  const texts = (): string[] => lines.map(({ text }) => text);
  let startedAt = performance.now();
  const failed = (failure: WorkFailure): Rerun => {
    const ms = performance.now() - startedAt;
    return { index, outcome: { kind: 'failed', failure }, log: texts(), ms };
  };
  try {
    await executor.loaded;
  } catch (error) {
    if (error instanceof LoadError) return failed(error.failure);
    throw error;
  }
  const items = await inputs.items?.(index, index + 1);
  const { promise, resolve } = Promise.withResolvers<Rerun>();
  executor.listen({
    batch({ lo, hi, column, errors, ms }) {
      // An empty batch: the failure follows.
      if (hi > lo) resolve({ index, outcome: outcomeOf(column, errors), log: texts(), ms });
    },
    failure: (_, failure) => resolve(failed(failure)),
    drained: () => undefined,
    died: (failure) => resolve(failed(failure)),
  });
  startedAt = performance.now();
  executor.start({
    lo: index,
    hi: index + 1,
    careful: null,
    ...(items === undefined ? {} : { items }),
  });
  return promise;
}

function outcomeOf(column: ValueColumn | null, errors: readonly ErrorOutcome[]): Rerun['outcome'] {
  const [error] = errors;
  if (error !== undefined) return { kind: 'error', name: error.name, detail: error.detail };
  if (column === null) return { kind: 'rejected' };
  return { kind: 'accepted', text: columnText(column, 0) };
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener('abort', () => clearTimeout(timer));
  return promise;
}
