/** What a histogram shows beside its bars. */
export interface HistogramOptions {
  /** First line. */
  readonly title: string;
  /** Columns of bars, 20–100. @default 48 */
  readonly columns?: number;
  /** Lines of bars, 2–20. @default 8 */
  readonly rows?: number;
  /** A range to compare with, drawn under the interval. */
  readonly compare?: { readonly name: string; readonly from: number; readonly to: number };
}

const EIGHTHS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const GUTTER = 7;

/**
 * The p-quantile of a sample, linear between order statistics.
 * @param p 0 … 1
 * @throws TypeError on an empty sample.
 * @see Hyndman and Fan, Sample quantiles in statistical packages, 1996, definition 7
 */
export function quantile(values: readonly number[], p: number): number {
  const sorted = Float64Array.from(values).sort();
  const position = p * (sorted.length - 1);
  const low = sorted[Math.floor(position)];
  const high = sorted[Math.ceil(position)];
  if (low === undefined || high === undefined) throw new TypeError('a quantile of no values');
  return low + (high - low) * (position - Math.floor(position));
}

/**
 * A sample's histogram as lines for a terminal: bars, an axis with three numbers, the median with
 * the central 95 % interval, and the range to compare with.
 * @throws TypeError on an empty sample.
 */
export function histogram(values: readonly number[], options: HistogramOptions): string[] {
  const { title, columns = 48, rows = 8, compare } = options;
  const median = quantile(values, 0.5);
  const low = quantile(values, 0.025);
  const high = quantile(values, 0.975);
  const from = Math.min(quantile(values, 0), compare?.from ?? Infinity);
  const to = Math.max(quantile(values, 1), compare?.to ?? -Infinity);
  const scale = new Scale(from, to, columns);

  const counts = new Array<number>(columns).fill(0);
  for (const value of values) {
    const column = scale.column(value);
    counts[column] = (counts[column] ?? 0) + 1;
  }
  const lines = [title, ...bars(counts, rows), ...axis(scale)];
  const interval = mark(scale, low, high, '├─┤', median);
  lines.push(`${interval}  median ${show(median)}, 95 % in ${show(low)} – ${show(high)}`);
  if (compare !== undefined) {
    const drawn = mark(scale, compare.from, compare.to, '╘═╛');
    lines.push(`${drawn}  ${compare.name} ${show(compare.from)} – ${show(compare.to)}`);
  }
  return lines;
}

/** Places numbers of [from, to] on columns. */
class Scale {
  readonly columns: number;
  readonly from: number;
  readonly to: number;

  constructor(from: number, to: number, columns: number) {
    const width = to - from;
    this.from = width > 0 ? from : from - 0.5;
    this.to = width > 0 ? to : to + 0.5;
    this.columns = columns;
  }

  column(value: number): number {
    const share = (value - this.from) / (this.to - this.from);
    return Math.min(this.columns - 1, Math.max(0, Math.floor(share * this.columns)));
  }
}

function bars(counts: readonly number[], rows: number): string[] {
  const top = Math.max(...counts);
  return Array.from({ length: rows }, (_, row) => {
    const label =
      row === 0 ? `${String(top).padStart(GUTTER - 2)} ┤` : `${' '.repeat(GUTTER - 1)}│`;
    const line = counts.map((count) => {
      const eighths = Math.round((count / top) * rows * 8) - (rows - 1 - row) * 8;
      return EIGHTHS[Math.max(0, Math.min(8, eighths))];
    });
    return (label + line.join('')).trimEnd();
  });
}

function axis(scale: Scale): string[] {
  const middle = show((scale.from + scale.to) / 2);
  const before = show(scale.from);
  const after = show(scale.to);
  const left = Math.floor((scale.columns - middle.length) / 2) - before.length;
  const right = scale.columns - before.length - left - middle.length - after.length;
  const base = `${'0'.padStart(GUTTER - 2)} └${'─'.repeat(scale.columns)}`;
  const numbers = before + ' '.repeat(left) + middle + ' '.repeat(right) + after;
  return [base, ' '.repeat(GUTTER) + numbers];
}

/** Draws a span under the axis; `glyphs` are its left end, its inside and its right end. */
function mark(scale: Scale, low: number, high: number, glyphs: string, at?: number): string {
  const [left = '', inside = '', right = ''] = glyphs;
  const cells = new Array<string>(scale.columns).fill(' ');
  const first = scale.column(low);
  const last = scale.column(high);
  cells.fill(inside, first, last);
  cells[first] = left;
  cells[last] = right;
  if (at !== undefined) cells[scale.column(at)] = '┼';
  return ' '.repeat(GUTTER) + cells.join('');
}

function show(value: number): string {
  return value.toPrecision(3);
}
