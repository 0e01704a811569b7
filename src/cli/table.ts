import { visible } from './format.ts';

/** A column of a table for people. */
export interface TableColumn<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  /** Numbers stand at the right. @default left */
  readonly right?: boolean;
}

/** Rows under their titles, aligned, two spaces apart. */
export function formatTable<Row>(
  columns: readonly TableColumn<Row>[],
  rows: readonly Row[],
): string {
  const cells = rows.map((row) => columns.map((column) => visible(column.text(row))));
  const lines = [columns.map((column) => column.title), ...cells];
  const widths = columns.map((_, k) => Math.max(...lines.map((line) => line[k]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, k) => {
          const width = widths[k] ?? 0;
          return columns[k]?.right ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Names and values, one pair a line, the values aligned. Pairs without a value are left out. */
export function formatPairs(
  pairs: readonly (readonly [name: string, value: string | null])[],
): string {
  const shown = pairs.filter((pair): pair is [string, string] => pair[1] !== null);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${visible(value)}`).join('\n');
}
