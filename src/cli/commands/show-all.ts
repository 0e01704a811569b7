import type { Job } from '../../node/mesh.ts';
import { type Context, tell, warn } from '../context.ts';
import type { Halt } from '../parallel/halt.ts';
import { type ProgressView, progressView } from '../progress-view.ts';
import type { Batch, Batches, Found } from './batches.ts';
import type { CommandFlags } from './flags.ts';
import { Halting } from './halting.ts';
import { showOutput, TurnOrder } from './live-view.ts';
import type { Planned } from './plan.ts';
import { sharedText } from './publisher.ts';
import type { CommandReport } from './report.ts';
import type { ReturnedNames, SharedName } from './returned-names.ts';

/** How results are shown. */
export interface ShownParts {
  readonly flags: CommandFlags;
  readonly report: CommandReport;
  /** Null: that commands overwrite each other's files was said. */
  readonly returned: ReturnedNames | null;
  readonly halt: Halt;
}

/** A command without a result. */
interface Open {
  readonly one: Planned;
  readonly inJob: () => string | null;
}

/** Publishes, and shows the results as they come. Returns whether --halt ended it. */
export async function showAll(
  context: Context,
  batches: Batches,
  { flags, report, halt, returned }: ShownParts,
  signal: AbortSignal,
): Promise<boolean> {
  const isShown = flags.bar === true || flags.eta === true;
  const view = isShown ? progressView(context) : waitView(context);
  const stop = new AbortController();
  const ended = AbortSignal.any([signal, stop.signal]);
  const quiet = new AbortController();
  const isLive = flags.lineBuffer === true || flags.ungroup === true;
  const order = new TurnOrder(isLive && flags.keepOrder === true);
  /** What goes on beside the results, by batch. */
  const beside = new Set<Promise<unknown>>();
  const goesOn = (work: Promise<unknown>): void => {
    beside.add(work);
    // It fails of what the results fail of, and is waited for behind them.
    work.then(
      () => beside.delete(work),
      () => undefined,
    );
  };
  const heard = (batch: Batch): void => {
    const own = AbortSignal.any([ended, batch.signal]);
    goesOn(showProgress(batch, batches, view, own));
    const parts = { report, view, order };
    if (isLive) goesOn(showOutput(batch, parts, AbortSignal.any([own, quiet.signal])));
  };
  const open: (Open & { readonly job: Job | null })[] = [];
  let shared: SharedName | null = null;
  let halting: Halting | null = null;
  try {
    await batches.start(heard);
    halting = haltingOf(context, batches, halt, view, signal);
    halting?.quiet.addEventListener('abort', () => quiet.abort(), { once: true });
    const isOrdered = !isLive || flags.keepOrder === true;
    const results = isOrdered ? batches.results(halting) : batches.asKnown(halting);
    for await (const found of results) {
      const { one, batch } = found;
      const result = halting === null ? found : await halting.taken(found);
      view.clear();
      const inJob = jobPlaceOf(found);
      await report.show(one, { ...result, inJob });
      if (result.value !== undefined && shared === null) {
        shared = returned?.take(one, result.value) ?? null;
        if (shared !== null) warn(context, sharedText(shared, 'both brought back', 'overwrote'));
      }
      await order.next(result.place + 1);
      if (result.lost !== undefined) report.lost(one, { why: result.lost, inJob });
      else if (result.value === undefined) open.push({ one, inJob, job: batch.job });
    }
  } finally {
    stop.abort();
    await Promise.all(beside);
    view.clear();
  }
  const halted = (await halting?.ended) === true;
  if (!halted) {
    for (const job of new Set(open.map((one) => one.job))) {
      const left = open.filter((one) => one.job === job);
      if (job !== null) await tellLost(job, left, report);
    }
  }
  return halted;
}

function haltingOf(
  context: Context,
  batches: Batches,
  halt: Halt,
  view: ProgressView,
  signal: AbortSignal,
): Halting | null {
  if (halt.when === 'never') return null;
  const [first] = batches.open;
  const doneBefore = first === undefined ? 0 : leftOut(first);
  return new Halting(context, batches, halt, { doneBefore, view, signal });
}

/** Commands that --resume left out, as far as the first batch tells. */
function leftOut({ planned }: Batch): number {
  return (planned.at(-1)?.seq ?? 0) - planned.length;
}

/** Commands that ended their executor at every try are left out of the answer. */
async function tellLost(job: Job, open: readonly Open[], report: CommandReport): Promise<void> {
  const { attempts, skipped, status } = await job.show();
  if (status !== 'done') return;
  const first = attempts.find(({ index }) => skipped.includes(index));
  const why = first === undefined ? 'it was left out' : `${first.kind} (${first.detail})`;
  for (const { one, inJob } of open) report.lost(one, { why, inJob });
}

/** What `rerun` takes for a command: its index, and its job where a run is of several. */
function jobPlaceOf({ place, batch }: Found): () => string | null {
  return () => {
    const index = batch.gathering.places.indexOf(place - batch.from);
    // Another job runs it.
    if (index < 0 || batch.job === null) return null;
    return `index ${index}${batch.from === 0 ? '' : ` of job ${batch.job.id.slice(0, 12)}`}`;
  };
}

async function showProgress(
  batch: Batch,
  batches: Batches,
  view: ProgressView,
  signal: AbortSignal,
): Promise<void> {
  if (batch.job === null) return;
  try {
    for await (const progress of batch.job.progress({ signal })) {
      view.update(batches.progress(batch, progress));
    }
  } catch {
    // The results tell of the same fault, or the abort was wanted.
  }
}

/** Says only why nothing goes on, once. */
function waitView(context: Context): ProgressView {
  let told: string | null = null;
  return {
    update({ waitsFor }) {
      if (waitsFor !== null && waitsFor !== told) {
        tell(context, `waits for ${waitsFor}`, { event: 'waits', waitsFor });
      }
      told = waitsFor;
    },
    clear() {},
  };
}
