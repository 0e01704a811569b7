import { type Runtime, Session } from 'node:inspector';

/** What a walk found in one place: how many entries, over all objects that stand there. */
export type Entries = ReadonlyMap<string, number>;

/** Where the inspector and this code hand objects to each other. */
const desk: { given: unknown; found: unknown } = { given: null, found: null };

const DESK = '__stateWalkDesk';

/** Reads private fields of class instances, which no reflection reaches. */
class PrivateReader {
  readonly #session = new Session();

  open(): void {
    this.#session.connect();
    Object.defineProperty(globalThis, DESK, { value: desk, configurable: true });
  }

  close(): void {
    this.#session.disconnect();
    Reflect.deleteProperty(globalThis, DESK);
  }

  fieldsOf(instance: object): [name: string, value: unknown][] {
    desk.given = instance;
    const given = this.#post('Runtime.evaluate', { expression: `${DESK}.given` });
    const { objectId = '' } = (given as Runtime.EvaluateReturnType).result;
    const own = { objectId, ownProperties: true };
    const found = this.#post('Runtime.getProperties', own) as {
      privateProperties?: { name: string; value?: Runtime.RemoteObject }[];
    };
    const fields: [string, unknown][] = [];
    for (const { name, value } of found.privateProperties ?? []) {
      if (value?.objectId === undefined || value.type !== 'object') continue;
      const functionDeclaration = `function () { ${DESK}.found = this; }`;
      this.#post('Runtime.callFunctionOn', { objectId: value.objectId, functionDeclaration });
      fields.push([name, desk.found]);
    }
    this.#post('Runtime.releaseObjectGroup', { objectGroup: '' });
    return fields;
  }

  #post(method: string, parameters: object): unknown {
    let answer: unknown;
    this.#session.post(method, parameters, (error: Error | null, result: unknown) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }
}

/** An object still to be looked into. */
interface Place {
  readonly path: string;
  readonly value: object;
}

/**
 * Counts the entries of every map, set and list that an object leads to, private fields included,
 * by path; entries of a collection share a path. Weak collections cannot be looked into.
 */
export function countEntries(root: object): Entries {
  const reader = new PrivateReader();
  reader.open();
  try {
    return walk(root, reader);
  } finally {
    reader.close();
  }
}

function walk(root: object, reader: PrivateReader): Entries {
  const counts = new Map<string, number>();
  const seen = new Set<object>([root]);
  const places: Place[] = [{ path: '', value: root }];
  const visit = (path: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    places.push({ path, value });
  };
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    const { path, value } = place;
    const size = sizeOf(value);
    if (size !== null) counts.set(path, (counts.get(path) ?? 0) + size);
    if (ArrayBuffer.isView(value)) continue;
    if (value instanceof Map) for (const each of value.values()) visit(`${path}[]`, each);
    else if (value instanceof Set || Array.isArray(value))
      for (const each of value) visit(`${path}[]`, each);
    else {
      const dot = path === '' ? '' : '.';
      for (const [name, each] of Object.entries(value)) visit(`${path}${dot}${name}`, each);
      if (isPlain(value)) continue;
      for (const [name, each] of reader.fieldsOf(value)) visit(`${path}${dot}${name}`, each);
    }
  }
  return counts;
}

function sizeOf(value: object): number | null {
  if (value instanceof Map || value instanceof Set) return value.size;
  if (Array.isArray(value)) return value.length;
  return ArrayBuffer.isView(value) ? value.byteLength : null;
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Sums of a walk by the first name of each path. */
export function byField(entries: Entries): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [path, count] of entries) {
    const [field = ''] = path.split(/[.[]/);
    sums.set(field, (sums.get(field) ?? 0) + count);
  }
  return sums;
}
