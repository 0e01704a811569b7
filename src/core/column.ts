import type { Hash } from './ids.ts';

/** Values up to this many bytes of JSON text travel inside a segment, longer ones by hash. */
export const INLINE_VALUE_BYTES = 256;

/** The longest value allowed, in bytes of JSON text. */
export const MAX_VALUE_BYTES = 1_048_576;

/**
 * Accepted candidates of one batch or segment, in rising index order, one array slot each.
 * number: finite doubles. record: flat objects that share their keys (in this order), all finite
 * doubles. text: the value's JSON text. hash: a value of more than INLINE_VALUE_BYTES, by the
 * SHA-256 of its JSON text in UTF-8, and its size in bytes.
 */
export type Column =
  | { readonly kind: 'number'; readonly indices: Float64Array; readonly values: Float64Array }
  | {
      readonly kind: 'record';
      readonly keys: readonly string[];
      readonly indices: Float64Array;
      readonly columns: readonly Float64Array[];
    }
  | { readonly kind: 'text'; readonly indices: Float64Array; readonly texts: readonly string[] }
  | {
      readonly kind: 'hash';
      readonly indices: Float64Array;
      readonly hashes: readonly Hash[];
      readonly sizes: readonly number[];
    };

/** An `error` outcome: only the name counts in the digest, the rest is for people. */
export interface ErrorOutcome {
  readonly index: number;
  readonly name: string;
  /** Message and stack, at most 2 KiB. */
  readonly detail: string;
}

/** The JSON text of slot `k` of a column that holds its values. */
export function columnText(column: Exclude<Column, { kind: 'hash' }>, k: number): string {
  switch (column.kind) {
    case 'number':
      return JSON.stringify(column.values[k]);
    case 'text':
      return column.texts[k] ?? 'null';
    case 'record': {
      const value: Record<string, number> = {};
      for (const [j, key] of column.keys.entries()) value[key] = column.columns[j]?.[k] ?? 0;
      return JSON.stringify(value);
    }
  }
}
