import { bytesToHex, hexToBytes } from './codec.ts';
import { type Column, INLINE_VALUE_BYTES, MAX_VALUE_BYTES } from './column.ts';
import { bytes, type Form, list, map, oneOf, Rejection, text, tuple, whole } from './form.ts';

/** Most accepted candidates in one segment. */
const MAX_SLOTS = 65_536;

/** Whole numbers as little-endian base-128 groups, seven bits a byte: the steps between indices. */
function packSteps(indices: Float64Array, base: number): Uint8Array {
  const packed: number[] = [];
  let previous = base - 1;
  for (const index of indices) {
    let step = index - previous - 1;
    previous = index;
    while (step >= 128) {
      packed.push((step % 128) + 128);
      step = Math.floor(step / 128);
    }
    packed.push(step);
  }
  return Uint8Array.from(packed);
}

function unpackSteps(packed: Uint8Array, base: number, end: number): Float64Array | Rejection {
  const indices: number[] = [];
  let previous = base - 1;
  let step = 0;
  let scale = 1;
  for (const byte of packed) {
    step += (byte & 127) * scale;
    scale *= 128;
    if (scale > 2 ** 56) return new Rejection('a step is too long');
    if (byte >= 128) continue;
    if (byte === 0 && scale > 128) return new Rejection('a step is not in its shortest form');
    previous += step + 1;
    if (previous >= end) return new Rejection('an index outside its interval');
    indices.push(previous);
    if (indices.length > MAX_SLOTS) return new Rejection(`more than ${MAX_SLOTS} indices`);
    step = 0;
    scale = 1;
  }
  return scale === 1 ? Float64Array.from(indices) : new Rejection('the steps are cut short');
}

/** Doubles as 8 little-endian bytes each. */
function packDoubles(values: Float64Array): Uint8Array {
  const packed = new Uint8Array(values.length * 8);
  const view = new DataView(packed.buffer);
  for (const [k, value] of values.entries()) view.setFloat64(k * 8, value, true);
  return packed;
}

function unpackDoubles(packed: Uint8Array, count: number): Float64Array | Rejection {
  if (packed.length !== count * 8) return new Rejection(`not ${count} numbers`);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  const values = new Float64Array(count);
  for (let k = 0; k < count; k++) {
    const value = view.getFloat64(k * 8, true);
    if (!Number.isFinite(value)) return new Rejection('a number is not finite');
    values[k] = value;
  }
  return values;
}

/** The encodable form of a column whose indices lie in [lo, hi). */
export function columnTuple(column: Column, lo: number): unknown[] {
  const steps = packSteps(column.indices, lo);
  switch (column.kind) {
    case 'number':
      return [0, steps, packDoubles(column.values)];
    case 'record':
      return [1, steps, [...column.keys], column.columns.map(packDoubles)];
    case 'text':
      return [2, steps, [...column.texts]];
    case 'hash':
      return [3, steps, column.hashes.map(hexToBytes), [...column.sizes]];
  }
}

const steps = bytes(131_072);
const doubles = bytes(131_072);
const numberForm = tuple(oneOf(0), steps, doubles);
const recordForm = tuple(oneOf(1), steps, list(text(256), 256, 1), list(doubles, 256, 1));
const textForm = tuple(oneOf(2), steps, list(text(INLINE_VALUE_BYTES), MAX_SLOTS));
const hashForm = tuple(
  oneOf(3),
  steps,
  list(map(bytes(32, 32), bytesToHex), MAX_SLOTS),
  list(whole(1, MAX_VALUE_BYTES), MAX_SLOTS),
);

function parsesAsJson(source: string): boolean {
  try {
    JSON.parse(source);
    return true;
  } catch {
    return false;
  }
}

/**
 * Checks the decoded form of a column whose indices lie in [lo, hi). isChecked: it was checked
 * before; that its texts are JSON is not looked at again. @default false
 */
export function columnForm(lo: number, hi: number, isChecked: boolean = false): Form<Column> {
  return (value) => {
    const kind: unknown = Array.isArray(value) ? value[0] : undefined;
    const form = [numberForm, recordForm, textForm, hashForm][typeof kind === 'number' ? kind : 4];
    const shaped = form?.(value) ?? new Rejection('not a column');
    if (shaped instanceof Rejection) return shaped;
    const indices = unpackSteps(shaped[1], lo, hi);
    if (indices instanceof Rejection) return indices.under('[1]');
    const count = indices.length;
    switch (shaped[0]) {
      case 0: {
        const values = unpackDoubles(shaped[2], count);
        return values instanceof Rejection ? values : { kind: 'number', indices, values };
      }
      case 1: {
        const columns: Float64Array[] = [];
        for (const packed of shaped[3]) {
          const column = unpackDoubles(packed, count);
          if (column instanceof Rejection) return column;
          columns.push(column);
        }
        const keys = shaped[2];
        if (columns.length !== keys.length || new Set(keys).size !== keys.length) {
          return new Rejection('keys and columns do not fit');
        }
        return { kind: 'record', keys, indices, columns };
      }
      case 2: {
        const texts = shaped[2];
        if (texts.length !== count) return new Rejection(`not ${count} texts`);
        return isChecked || texts.every(parsesAsJson)
          ? { kind: 'text', indices, texts }
          : new Rejection('a value is not JSON');
      }
      case 3: {
        const [, , hashes, sizes] = shaped;
        return hashes.length === count && sizes.length === count
          ? { kind: 'hash', indices, hashes, sizes }
          : new Rejection(`not ${count} hashes`);
      }
    }
  };
}
