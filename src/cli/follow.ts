import { setImmediate } from 'node:timers/promises';
import type { OpenMesh } from '../control/open.ts';
import type { Job, Summary } from '../node/mesh.ts';
import { type Context, interruptSignal, tell } from './context.ts';
import { EXIT, exitCodeOfJob } from './exit-code.ts';
import { formatCount, formatSeconds, formatShare, shortJob, visible } from './format.ts';
import { type ResultSink, resultSink, writeWhole } from './output-file.ts';
import { progressView } from './progress-view.ts';
import { silentWorkerView } from './silent-worker.ts';

export interface FollowOptions {
  readonly out?: string;
  readonly summary?: string;
  /** The command of its lasting workers, where it has such. */
  readonly exec?: string;
}

/**
 * Writes a job's lines as they become final, with progress on stderr, until it ends; then the
 * summary. An interrupt detaches. Resolves with the exit code.
 */
export async function follow(
  context: Context,
  mesh: OpenMesh,
  job: Job,
  options: FollowOptions,
): Promise<number> {
  const interrupt = interruptSignal(context.io);
  const { signal } = interrupt;
  try {
    const { summary, failed } = await followToEnd(context, job, options, signal);
    const isWhole = failed + summary.skipped.length === 0 && summary.status !== 'failed';
    const report = isWhole ? null : await job.show();
    const kind = report?.kind ?? 'accept';
    const [error] = report?.errors ?? [];
    if (error !== undefined) {
      const [message = error.name] = error.detail.split('\n');
      const text = `first error, at index ${error.index}: ${visible(message)}`;
      tell(context, text, { event: 'error', ...error });
    }
    const why = report?.whyFailed ?? null;
    if (why !== null) {
      const id = `${shortJob(job.id)}${context.homeWords}`;
      const text = `failed: ${visible(why)}; see meshd show ${id}`;
      tell(context, text, { event: 'failed', job: job.id, why });
    }
    await waitForOthers(context, mesh, signal);
    return exitCodeOfJob(summary, kind, failed);
  } catch (error) {
    if (!signal.aborted) throw error;
    tellDetached(context, mesh, job);
    return EXIT.interrupted;
  } finally {
    interrupt.release();
  }
}

async function followToEnd(
  context: Context,
  job: Job,
  options: FollowOptions,
  signal: AbortSignal,
): Promise<{ summary: Summary; failed: number }> {
  const plain = progressView(context);
  const view = options.exec === undefined ? plain : silentWorkerView(context, plain);
  const stop = new AbortController();
  const ended = AbortSignal.any([signal, stop.signal]);
  const shown = showProgress(job, view, ended);
  try {
    const sink = resultSink(context.io, options.out, signal);
    const errorLines = await copyResults(job, sink, signal);
    const summary = await job.done({ signal });
    stop.abort();
    await shown;
    if (options.summary !== undefined) await writeWhole(options.summary, summary, signal);
    tell(context, summaryText(summary, context), { event: 'ended', ...summary });
    return { summary, failed: Math.max(summary.errors, errorLines) };
  } finally {
    stop.abort();
    await shown;
  }
}

/** Returns how many lines tell of an error; a command that failed is one. */
async function copyResults(job: Job, sink: ResultSink, signal: AbortSignal): Promise<number> {
  let errors = 0;
  try {
    for await (const line of job.results({ follow: true, signal })) {
      if ('error' in line) errors++;
      await sink.write(JSON.stringify(line));
    }
    return errors;
  } finally {
    await sink.end();
  }
}

async function showProgress(
  job: Job,
  view: ReturnType<typeof progressView>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const progress of job.progress({ signal })) view.update(progress);
  } catch {
    // Only results count: their stream tells of the same fault, or the abort was wanted.
  } finally {
    view.clear();
  }
}

/** Another command may use the peer inside this process: it is let finish. */
export async function waitForOthers(
  context: Context,
  mesh: OpenMesh,
  signal: AbortSignal,
): Promise<void> {
  if (!mesh.embedded) return;
  const idle = mesh.idle();
  const free = await Promise.race([idle.then(() => true), setImmediate(false)]);
  if (free) return;
  const text = 'this job is over; another command still uses the peer in this process';
  tell(context, text, { event: 'waits' });
  await Promise.race([
    idle,
    new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })),
  ]);
}

/** Says how to see a job again that a client leaves. */
export function tellDetached(context: Context, mesh: OpenMesh, job: Job): void {
  const id = `${shortJob(job.id)}${context.homeWords}`;
  const text = mesh.embedded
    ? 'interrupted; what is on the disk is kept, and the same command ' +
      `(or meshd attach ${id}) continues. End it: meshd cancel ${id}`
    : `detached; the mesh goes on. See it again: meshd attach ${id}. End it: meshd cancel ${id}`;
  tell(context, text, { event: 'detached', job: job.id });
}

/** How a job ended, in one line. */
function summaryText(summary: Summary, { homeWords }: Context): string {
  const { status, accepted, evaluated, acceptanceRate, errors, skipped } = summary;
  const parts = [
    `${status}: ${formatCount(accepted)} accepted of ${formatCount(evaluated)} evaluated ` +
      `(${formatShare(acceptanceRate)})`,
  ];
  if (errors > 0) parts.push(errors === 1 ? '1 error' : `${formatCount(errors)} errors`);
  if (skipped.length > 0) {
    const why = `meshd show ${shortJob(summary.job)}${homeWords} says why`;
    parts.push(`${formatCount(skipped.length)} skipped (${why})`);
  }
  const known = summary.ran === 0 && status === 'done' && skipped.length === 0;
  parts.push(known ? 'all known before' : `${formatCount(summary.ran)} ran`);
  parts.push(formatSeconds(summary.seconds));
  if (summary.certificate !== null) parts.push(`certificate ${summary.certificate.slice(0, 16)}`);
  return parts.join(', ');
}
