import { type Column, columnText } from '../../core/column.ts';
import { valueText } from './value-text.ts';

/** The column kinds that hold their values. */
export type ValueColumn = Exclude<Column, { kind: 'hash' }>;

// Before user code is there.
const { create } = Object;
const { parse } = JSON;

/** More keys than this are kept as text. */
const MAX_KEYS = 64;

/**
 * Gathers the accepted values of one batch in one column: numbers, flat objects of numbers with
 * equal keys, or, from the first value on that fits neither, JSON texts.
 */
export interface AcceptedColumn {
  /** Bytes gathered, about as they travel. */
  readonly bytes: number;
  /** @throws ValueError when JSON cannot hold the value; the column is then as before. */
  push(index: number, value: unknown): void;
  /** A copy of the value that was pushed last since the column began; undefined: none was. */
  last(): unknown;
  /** The column so far, or null when it is empty; the next push begins a new one. */
  take(): ValueColumn | null;
}

// No method of arrays is called in it: user code may have changed them.
class Gatherer implements AcceptedColumn {
  #kind: 'none' | 'number' | 'record' | 'text' = 'none';
  #count = 0;
  #textBytes = 0;
  #indices: Float64Array = new Float64Array(64);
  #keys: string[] = [];
  #columns: Float64Array[] = [];
  #texts: string[] = [];

  get bytes(): number {
    if (this.#kind === 'text') return this.#textBytes;
    return this.#count * 8 * (1 + this.#columns.length);
  }

  push(index: number, value: unknown): void {
    if (this.#kind === 'none') this.#begin(value);
    if (this.#count === this.#indices.length) this.#grow();
    if (this.#kind === 'record' && this.#pushRecord(value)) {
      this.#indices[this.#count++] = index;
      return;
    }
    if (this.#kind === 'number' && typeof value === 'number' && Number.isFinite(value)) {
      (this.#columns[0] as Float64Array)[this.#count] = value + 0;
      this.#indices[this.#count++] = index;
      return;
    }
    const text = valueText(value);
    if (this.#kind !== 'text') this.#becomeText();
    this.#texts[this.#texts.length] = text;
    this.#textBytes += 12 + text.length;
    this.#indices[this.#count++] = index;
  }

  take(): ValueColumn | null {
    const column = this.#column();
    this.#kind = 'none';
    this.#count = 0;
    this.#textBytes = 0;
    this.#texts = [];
    return column;
  }

  last(): unknown {
    const at = this.#count - 1;
    if (at < 0) return undefined;
    if (this.#kind === 'text') return parse(this.#texts[at] as string);
    if (this.#kind === 'number') return (this.#columns[0] as Float64Array)[at];
    // Without a prototype, so that no setter is met.
    const copy: Record<string, unknown> = create(null);
    for (let j = 0; j < this.#keys.length; j += 1) {
      copy[this.#keys[j] as string] = (this.#columns[j] as Float64Array)[at];
    }
    return copy;
  }

  #column(): ValueColumn | null {
    const count = this.#count;
    const indices = this.#indices.subarray(0, count);
    if (this.#kind === 'none' || count === 0) return null;
    if (this.#kind === 'text') return { kind: 'text', indices, texts: this.#texts };
    const columns: Float64Array[] = [];
    for (let j = 0; j < this.#columns.length; j += 1) {
      columns[j] = (this.#columns[j] as Float64Array).subarray(0, count);
    }
    if (this.#kind === 'record') return { kind: 'record', keys: this.#keys, indices, columns };
    return { kind: 'number', indices, values: columns[0] as Float64Array };
  }

  #begin(value: unknown): void {
    this.#kind = typeof value === 'number' ? 'number' : isRecord(value) ? 'record' : 'text';
    this.#keys = this.#kind === 'record' ? Object.keys(value as object) : [];
    const columns = this.#kind === 'number' ? 1 : this.#keys.length;
    this.#columns = [];
    for (let j = 0; j < columns; j += 1) this.#columns[j] = new Float64Array(64);
    this.#indices = new Float64Array(64);
  }

  /** False when the value is not a flat object of finite numbers with these keys in this order. */
  #pushRecord(value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false;
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return false;
    const keys = this.#keys;
    const at = this.#count;
    let j = 0;
    for (const key in value) {
      if (key !== keys[j]) return false;
      const member = (value as Record<string, unknown>)[key];
      if (typeof member !== 'number' || !Number.isFinite(member)) return false;
      (this.#columns[j] as Float64Array)[at] = member + 0;
      j += 1;
    }
    return j === keys.length;
  }

  #becomeText(): void {
    const column = this.#column();
    this.#texts = [];
    this.#textBytes = 0;
    for (let k = 0; column !== null && k < this.#count; k += 1) {
      const text = columnText(column, k);
      this.#texts[k] = text;
      this.#textBytes += 12 + text.length;
    }
    this.#kind = 'text';
    this.#columns = [];
  }

  #grow(): void {
    const size = this.#indices.length * 2;
    this.#indices = grown(this.#indices, size);
    for (let j = 0; j < this.#columns.length; j += 1) {
      this.#columns[j] = grown(this.#columns[j] as Float64Array, size);
    }
  }
}

/** An empty column. */
export function createAcceptedColumn(): AcceptedColumn {
  return new Gatherer();
}

function grown(from: Float64Array, size: number): Float64Array {
  const to = new Float64Array(size);
  to.set(from);
  return to;
}

/** Keys like `7` come first in an object whatever their order, so they are kept as text. */
function isRecord(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  const keys = Object.keys(value);
  if (keys.length === 0 || keys.length > MAX_KEYS) return false;
  for (let j = 0; j < keys.length; j += 1) {
    const key = keys[j] as string;
    const member = (value as Record<string, unknown>)[key];
    const fits = Number.isFinite(member) && key.isWellFormed() && key !== '__proto__';
    if (!fits || /^\d+$/.test(key)) return false;
  }
  return true;
}
