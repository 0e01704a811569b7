import { bytesToHex } from './codec.ts';
import type { Hash } from './ids.ts';

/** Why a decoded value is refused, and where: `[2].leases[0]`. */
export class Rejection {
  readonly path: string;
  readonly reason: string;

  constructor(reason: string, path = '') {
    this.reason = reason;
    this.path = path;
  }

  /** The same refusal seen from one level further out. */
  under(step: string): Rejection {
    return new Rejection(this.reason, step + this.path);
  }
}

/** Checks a decoded value and gives it its type, or says why not. Never throws. */
export type Form<T> = (value: unknown) => T | Rejection;

/** The value checked by a form, or one line that names the path of the fault. */
export function check<T>(
  form: Form<T>,
  value: unknown,
): { readonly value: T } | { readonly rejected: string } {
  const result = form(value);
  if (!(result instanceof Rejection)) return { value: result };
  return { rejected: result.path === '' ? result.reason : `${result.path}: ${result.reason}` };
}

/** Text of minChars … maxChars UTF-16 units. */
export function text(maxChars: number, minChars = 0): Form<string> {
  const rejection = new Rejection(`not a text of ${minChars} to ${maxChars} characters`);
  return (value) =>
    typeof value === 'string' && value.length >= minChars && value.length <= maxChars
      ? value
      : rejection;
}

/** A whole number of min … max, both included. */
export function whole(min: number, max: number): Form<number> {
  const rejection = new Rejection(`not a whole number from ${min} to ${max}`);
  return (value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
      ? value
      : rejection;
}

const notFinite = new Rejection('not a finite number');

/** Any finite number. */
export const finite: Form<number> = (value) =>
  typeof value === 'number' && Number.isFinite(value) ? value : notFinite;

const notFlag = new Rejection('not true or false');

/** True or false. */
export const flag: Form<boolean> = (value) => (typeof value === 'boolean' ? value : notFlag);

/** minBytes … maxBytes bytes. */
export function bytes(maxBytes: number, minBytes = 0): Form<Uint8Array> {
  const rejection = new Rejection(`not ${minBytes} to ${maxBytes} bytes`);
  return (value) =>
    value instanceof Uint8Array && value.length >= minBytes && value.length <= maxBytes
      ? value
      : rejection;
}

/** Exactly so many bytes, given as lower-case hexadecimal digits. */
export function digits(byteCount: number): Form<string> {
  const form = bytes(byteCount, byteCount);
  return (value) => {
    const result = form(value);
    return result instanceof Rejection ? result : bytesToHex(result);
  };
}

/** 32 bytes, given as a hash. */
export const hash: Form<Hash> = digits(32);

/** One of these texts or numbers. */
export function oneOf<const T extends string | number>(...choices: readonly T[]): Form<T> {
  const rejection = new Rejection(`not one of ${choices.join(', ')}`);
  return (value) => choices.find((choice) => choice === value) ?? rejection;
}

/** Null, or what the form takes. */
export function nullable<T>(form: Form<T>): Form<T | null> {
  return (value) => (value === null ? null : form(value));
}

/** An array of minCount … maxCount elements of one form. */
export function list<T>(form: Form<T>, maxCount: number, minCount = 0): Form<T[]> {
  const rejection = new Rejection(`not a list of ${minCount} to ${maxCount}`);
  return (value) => {
    if (!Array.isArray(value) || value.length < minCount || value.length > maxCount) {
      return rejection;
    }
    const result: T[] = [];
    for (let i = 0; i < value.length; i++) {
      const element = form(value[i]);
      if (element instanceof Rejection) return element.under(`[${i}]`);
      result.push(element);
    }
    return result;
  };
}

/** An array of exactly these forms. */
export function tuple<T extends readonly unknown[]>(
  ...forms: { readonly [K in keyof T]: Form<T[K]> }
): Form<T> {
  const rejection = new Rejection(`not a list of exactly ${forms.length}`);
  return (value) => {
    if (!Array.isArray(value) || value.length !== forms.length) return rejection;
    const result: unknown[] = [];
    for (const [i, form] of forms.entries()) {
      const element: unknown = form(value[i]);
      if (element instanceof Rejection) return element.under(`[${i}]`);
      result.push(element);
    }
    return result as unknown as T;
  };
}

const notObject = new Rejection('not an object');

/** A form for each property. */
export type Forms<T extends object> = { readonly [K in keyof T]-?: Form<T[K]> };

/** A plain object with all of the required keys, any of the optional ones, and no others. */
export function fields<R extends object, O extends object = object>(
  required: Forms<R>,
  optional?: Forms<O>,
): Form<R & Partial<O>> {
  const entries = Object.entries({ ...optional, ...required }) as [string, Form<unknown>][];
  const known = new Set(entries.map(([key]) => key));
  return (value) => {
    if (typeof value !== 'object' || value === null) return notObject;
    if (Array.isArray(value) || value instanceof Uint8Array) return notObject;
    for (const key of Object.keys(value)) {
      if (!known.has(key)) return new Rejection(`unknown key ${JSON.stringify(key)}`);
    }
    const result: Record<string, unknown> = {};
    for (const [key, form] of entries) {
      if (!Object.hasOwn(value, key) && !Object.hasOwn(required, key)) continue;
      const field = form((value as Record<string, unknown>)[key]);
      if (field instanceof Rejection) return field.under(`.${key}`);
      result[key] = field;
    }
    return result as R & Partial<O>;
  };
}

/** A form with a further condition, which says what is wrong or nothing. */
export function refine<T>(form: Form<T>, fault: (value: T) => string | undefined): Form<T> {
  return (value) => {
    const result = form(value);
    if (result instanceof Rejection) return result;
    const reason = fault(result);
    return reason === undefined ? result : new Rejection(reason);
  };
}

/** A form whose value is turned into another. The turn must not throw. */
export function map<T, U>(form: Form<T>, turn: (value: T) => U): Form<U> {
  return (value) => {
    const result = form(value);
    return result instanceof Rejection ? result : turn(result);
  };
}
