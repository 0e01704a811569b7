import { types } from 'node:util';

/** Levels of nesting allowed. */
const MAX_DEPTH = 100;
/** Characters of a path that are shown. */
const SHOWN = 60;

/**
 * The JSON text of parameters or of an item. Typed arrays become arrays, −0 becomes 0, members that
 * are undefined are left out; what JSON cannot hold is refused rather than turned into null.
 * @throws TypeError that names the path (`params.rate is NaN`).
 */
export function jsonText(value: unknown, path: string): string {
  return JSON.stringify(plain(value, path, 0));
}

function plain(value: unknown, path: string, depth: number): unknown {
  if (depth > MAX_DEPTH) {
    throw new TypeError(`${shortened(path)} is nested too deeply, or contains itself`);
  }
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      throw new TypeError(`${shortened(path)} is ${value}, which JSON cannot hold`);
    case 'object':
      return value === null ? null : plainObject(value, path, depth);
    default:
      throw new TypeError(`${shortened(path)} is a ${typeof value}, which JSON cannot hold`);
  }
}

function plainObject(value: object, path: string, depth: number): unknown {
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    const elements = Array.from(value as unknown as ArrayLike<unknown>);
    return elements.map((each, k) => plain(each, `${path}[${k}]`, depth + 1));
  }
  if (
    types.isDate(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isAnyArrayBuffer(value)
  ) {
    throw new TypeError(
      `${shortened(path)} is a ${value.constructor.name}, which JSON cannot hold`,
    );
  }
  const entries = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .map(([key, each]) => [key, plain(each, `${path}.${key}`, depth + 1)] as const);
  return Object.fromEntries(entries);
}

/** The beginning of a path: it says where to look, and names may be of any length. */
function shortened(path: string): string {
  return path.length > SHOWN ? `${path.slice(0, SHOWN)}…` : path;
}
