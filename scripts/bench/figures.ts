/** One row of the table. */
export interface Row {
  readonly figure: string;
  readonly measured: string;
  /** What is aimed at; empty when nothing was set. */
  readonly target: string;
  /** How it was measured, in a few words. */
  readonly how: string;
  /** Its bar in a picture, where it has one. */
  readonly bar?: {
    readonly picture: 'W5' | 'W6' | 'peers' | 'slots';
    readonly name: string;
    /** One of each round. */
    readonly values: readonly number[];
  };
}

/** The middle of the sorted values, or the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** Median with minimum and maximum behind it: `0.95 (0.93–0.97)`. */
export function spread(values: readonly number[], digits: number, unit = ''): string {
  const text = (value: number): string => value.toFixed(digits);
  const end = unit === '' ? '' : ` ${unit}`;
  const range = `${text(Math.min(...values))}–${text(Math.max(...values))}`;
  return `${text(median(values))}${end} (${range})`;
}

/** Rows as a markdown table, columns aligned. */
export function markdownTable(rows: readonly Row[]): string {
  const cells = [
    ['figure', 'measured: median (min–max)', 'target', 'how'],
    ...rows.map(({ figure, measured, target, how }) => [figure, measured, target, how]),
  ];
  const widths = [0, 1, 2, 3].map((k) => Math.max(...cells.map((row) => (row[k] ?? '').length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, k) => cell.padEnd(widths[k] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(cells[0] ?? []), rule, ...cells.slice(1).map(line)].join('\n');
}
