import { MAX_VALUE_BYTES } from '../../core/column.ts';

/** Deeper values are refused, long before the stack ends. */
const MAX_DEPTH = 500;

/** A value that JSON cannot hold: which part of it, and why. Its name is that of the outcome. */
export class ValueError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ValueError';
  }
}

/**
 * The JSON text of a value: typed arrays become arrays, −0 becomes 0, objects with `toJSON` what
 * that returns, properties that are undefined are left out.
 * @throws ValueError that names the path of NaN, ±Infinity, BigInt, Date, function, symbol, cycle,
 * undefined inside an array, Map and other objects that JSON would lose; and above 1 MiB.
 */
export function valueText(value: unknown): string {
  const text = JSON.stringify(plain(value, 'value', []));
  // At most 3 bytes a UTF-16 unit: the exact count is only needed near the bound.
  if (text.length * 3 > MAX_VALUE_BYTES) {
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > MAX_VALUE_BYTES) {
      throw new ValueError(`value is ${bytes} bytes of JSON; at most ${MAX_VALUE_BYTES} are kept`);
    }
  }
  return text;
}

/** A copy that JSON.stringify writes without loss. */
function plain(value: unknown, path: string, ancestors: object[]): unknown {
  switch (typeof value) {
    case 'number':
      if (!Number.isFinite(value)) throw new ValueError(`${path} is ${value}`);
      return value + 0;
    case 'string':
    case 'boolean':
      return value;
    case 'object':
      return value === null ? null : plainObject(value, path, ancestors);
    case 'bigint':
      throw new ValueError(`${path} is a BigInt; return Number(x) or String(x)`);
    default:
      throw new ValueError(`${path} is ${value === undefined ? 'undefined' : `a ${typeof value}`}`);
  }
}

function plainObject(value: object, path: string, ancestors: object[]): unknown {
  if (isOneOf(ancestors, value)) throw new ValueError(`${path} is a cycle`);
  if (ancestors.length >= MAX_DEPTH) throw new ValueError(`${path} is nested too deeply`);
  // No method of arrays is called here: user code may have changed them.
  ancestors[ancestors.length] = value;
  const copy = copied(value, path, ancestors);
  ancestors.length -= 1;
  return copy;
}

function copied(value: object, path: string, ancestors: object[]): unknown {
  if (Array.isArray(value)) return elements(value, path, ancestors);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return elements(Array.from(value as unknown as ArrayLike<unknown>), path, ancestors);
  }
  if (value instanceof Date) throw new ValueError(`${path} is a Date; return its time or text`);
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return plain(toJSON.call(value, ''), path, ancestors);
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag !== 'Object') throw new ValueError(`${path} is a ${tag}`);
  const copy: Record<string, unknown> = {};
  const keys = Object.keys(value);
  for (let k = 0; k < keys.length; k += 1) {
    const key = keys[k] as string;
    const member = (value as Record<string, unknown>)[key];
    if (member === undefined) continue;
    const encoded = plain(member, keyPath(path, key), ancestors);
    if (key === '__proto__') {
      // An assignment would set the prototype.
      Object.defineProperty(copy, key, { value: encoded, enumerable: true });
    } else copy[key] = encoded;
  }
  return copy;
}

function elements(list: readonly unknown[], path: string, ancestors: object[]): unknown[] {
  const copy: unknown[] = [];
  // Not map: it would skip the holes of a sparse array.
  for (let i = 0; i < list.length; i += 1) copy[i] = plain(list[i], `${path}[${i}]`, ancestors);
  return copy;
}

function keyPath(path: string, key: string): string {
  return /^[\p{L}$_][\p{L}\p{N}$_]*$/u.test(key)
    ? `${path}.${key}`
    : `${path}[${JSON.stringify(key)}]`;
}

function isOneOf(list: readonly object[], value: object): boolean {
  for (let k = 0; k < list.length; k += 1) if (list[k] === value) return true;
  return false;
}
