import type { Progress } from '../node/mesh.ts';
import type { Context } from './context.ts';
import { formatCount, formatPerSecond, formatRate, formatSeconds, shortJob } from './format.ts';

const BARS = '▁▂▃▄▅▆▇█';
const SPARKLINE_CHARS = 12;
const PLAIN_EVERY_MS = 5000;
const JSON_EVERY_MS = 1000;

/** Shows the progress of one job on stderr. */
export interface ProgressView {
  update(progress: Progress): void;
  /** Removes the line of a terminal, so that other text can follow. */
  clear(): void;
}

/**
 * One line that is redrawn on a terminal; else a plain line when the state changes and every 5 s; a
 * JSON line at most once a second with --json.
 */
export function progressView(context: Context): ProgressView {
  const { stderr, env } = context.io;
  if (context.json) return lineView(context, JSON_EVERY_MS, (progress) => jsonLine(progress));
  if (stderr.isTTY === true && env['TERM'] !== 'dumb') return terminalView(context);
  return lineView(context, PLAIN_EVERY_MS, (progress) => {
    return `${shortJob(progress.job)}: ${progressText(progress)}`;
  });
}

/** What a narrow line lacks first. */
const LEAST_FIRST = ['slots', 'peers', 'evaluated', 'final', 'rate', 'speed', 'errors'] as const;

/** A part of a progress line; one without a name always stays. */
interface Part {
  readonly name: (typeof LEAST_FIRST)[number] | null;
  readonly text: string;
}

/** What a progress line says, most important first. */
export function progressText(progress: Progress): string {
  return textOf(partsOf(progress));
}

/** The same in at most so many characters: without what matters least, at last cut. */
export function fittedText(progress: Progress, width: number): string {
  let parts = partsOf(progress);
  for (const least of LEAST_FIRST) {
    if (textOf(parts).length <= width) break;
    parts = parts.filter(({ name }) => name !== least);
  }
  return textOf(parts).slice(0, width);
}

function textOf(parts: readonly Part[]): string {
  return parts.map(({ text }) => text).join(', ');
}

function partsOf(progress: Progress): Part[] {
  const { lines, accepted, target, evaluated, errors, rate, rateError, rateUpper } = progress;
  const parts: Part[] = [];
  const add = (name: Part['name'], text: string): void => void parts.push({ name, text });
  add(null, `${formatCount(accepted)}/${formatCount(target)}`);
  if (lines < Math.min(accepted, target)) add('final', `${formatCount(lines)} final`);
  if (evaluated > accepted || accepted === 0) {
    if (evaluated > 0) add('rate', `rate ${formatRate(rate, rateError, rateUpper)}`);
    add('evaluated', `${formatCount(evaluated)} evaluated`);
  }
  // A function that always throws would else look like one that accepts nothing.
  if (errors > 0) add('errors', errors === 1 ? '1 error' : `${formatCount(errors)} errors`);
  add('speed', formatPerSecond(progress.perSecond));
  add('peers', `${progress.peers} ${progress.peers === 1 ? 'peer' : 'peers'}`);
  add('slots', `${progress.slots} ${progress.slots === 1 ? 'slot' : 'slots'}`);
  if (progress.etaSeconds !== null) add(null, `ETA ${formatSeconds(progress.etaSeconds)}`);
  if (progress.status !== 'running') add(null, progress.status);
  if (progress.waitsFor !== null) add(null, `waits for ${progress.waitsFor}`);
  return parts;
}

/** The last values as bars from nothing to the largest. */
export function sparkline(values: readonly number[]): string {
  const largest = Math.max(...values, Number.MIN_VALUE);
  return values
    .map((value) => BARS[Math.min(BARS.length - 1, Math.floor((value / largest) * BARS.length))])
    .join('');
}

function terminalView({ io: { stderr } }: Context): ProgressView {
  const rates: number[] = [];
  let drawn = false;
  return {
    update(progress) {
      rates.push(progress.perSecond);
      if (rates.length > SPARKLINE_CHARS) rates.shift();
      const width = (stderr.columns ?? 80) - 1;
      const bars = `${sparkline(rates)} `;
      // Where there is room for little, the figures have it.
      const isNarrow = width < 3 * SPARKLINE_CHARS;
      const line = isNarrow
        ? fittedText(progress, width)
        : bars + fittedText(progress, width - bars.length);
      stderr.write(`\r\x1b[2K${line}`);
      drawn = true;
    },
    clear() {
      if (drawn) stderr.write('\r\x1b[2K');
      drawn = false;
    },
  };
}

function lineView(
  { io: { stderr } }: Context,
  everyMs: number,
  text: (progress: Progress) => string,
): ProgressView {
  let shownAt = performance.now();
  let state: string | null = null;
  /** Says why the job has not begun, should it end so. */
  let unsaid: string | null = null;
  return {
    update(progress) {
      const now = performance.now();
      const current = `${progress.status} ${progress.waitsFor}`;
      // The first state is no news: a short job says only how it ended.
      const news = state !== null && current !== state;
      if (state === null && progress.waitsFor !== null) unsaid = text(progress);
      state = current;
      if (!news && now - shownAt < everyMs) return;
      shownAt = now;
      const isOver = progress.status !== 'running' && progress.waitsFor === null;
      if (unsaid !== null && isOver) stderr.write(`${unsaid}\n`);
      unsaid = null;
      stderr.write(`${text(progress)}\n`);
    },
    clear() {},
  };
}

function jsonLine(progress: Progress): string {
  return JSON.stringify({ event: 'progress', ...progress });
}
