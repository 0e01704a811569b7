import { columnText } from '../../src/core/column.ts';
import { NO_LIMITS } from '../../src/core/limits.ts';
import type { LogLine } from '../../src/core/log-line.ts';
import { createWorkforce, type WorkforceOptions } from '../../src/work/create-workforce.ts';
import type {
  WorkFailure,
  Workforce,
  WorkInputs,
  WorkOrder,
  WorkPart,
} from '../../src/work/workforce.ts';

/** What the handlers heard of one order. */
export interface Told {
  readonly parts: WorkPart[];
  readonly failed: { readonly index: number; readonly failure: WorkFailure }[];
  readonly ended: Promise<'finished' | 'stopped'>;
  /** Resolves with the first log line. */
  readonly line: Promise<string>;
}

/** A workforce under test that keeps what it tells. */
export interface WorkBench extends AsyncDisposable {
  readonly workforce: Workforce;
  /** Every event, as text, in order. */
  readonly events: string[];
  /** What candidates logged. */
  readonly logged: readonly LogLine[];
  /** Resolves with the first event of this name. */
  until(name: string): Promise<string>;
  execute(order: Partial<WorkOrder>, inputs: WorkInputs): Told & { readonly id: number };
}

type BenchOptions = Pick<
  WorkforceOptions,
  | 'setupMs'
  | 'teardownMs'
  | 'idleMs'
  | 'stillMs'
  | 'stoppedMs'
  | 'folder'
  | 'outputs'
  | 'scratchBytes'
> & {
  /** Called with each line that a candidate logs; nothing that follows it is heard meanwhile. */
  readonly onLine?: (text: string) => void;
};

/** Starts a workforce of two slots. */
export async function openBench({ onLine, ...options }: BenchOptions = {}): Promise<WorkBench> {
  const events: string[] = [];
  const logged: LogLine[] = [];
  interface Open extends Told {
    readonly computation: string;
    end(reason: 'finished' | 'stopped'): void;
    say(line: string): void;
  }
  const orders = new Map<number, Open>();
  const watchers = new Set<() => void>();
  const workforce = await createWorkforce({
    slots: 2,
    ...options,
    handlers: {
      part: (part) => orders.get(part.id)?.parts.push(part),
      failed: (id, index, failure) => orders.get(id)?.failed.push({ index, failure }),
      ended: (id, reason) => orders.get(id)?.end(reason),
      output: () => undefined,
      log: (computation) => ({
        line(line) {
          events.push(`${line.index}: ${line.text}`);
          logged.push(line);
          onLine?.(line.text);
          for (const order of orders.values()) {
            if (order.computation === computation) order.say(line.text);
          }
        },
        dropped: (index, lines) => events.push(`${index}: ${lines} dropped`),
        notice: (text) => events.push(`notice ${text}`),
      }),
    },
    log: (_, event, fields) => {
      events.push(`${event} ${JSON.stringify(fields)}`);
      for (const look of watchers) look();
    },
  });
  return {
    workforce,
    events,
    logged,
    until(name) {
      const { promise, resolve } = Promise.withResolvers<string>();
      const look = (): void => {
        const found = events.find((event) => event.startsWith(name));
        if (found !== undefined) resolve(found);
      };
      watchers.add(look);
      look();
      return promise;
    },
    execute(order, inputs) {
      const ended = Promise.withResolvers<'finished' | 'stopped'>();
      const line = Promise.withResolvers<string>();
      const told = { parts: [], failed: [], ended: ended.promise, line: line.promise };
      const id = order.id ?? orders.size + 1;
      const { computation } = inputs;
      orders.set(id, { ...told, computation, end: ended.resolve, say: line.resolve });
      const plain = { lo: 0, hi: 1, limits: NO_LIMITS, fresh: false, each: false, tellMs: 1000 };
      workforce.execute({ ...plain, ...order, id }, inputs);
      return { ...told, id };
    },
    [Symbol.asyncDispose]: () => workforce.close(),
  };
}

let computations = 0;

/** A program of its own computation. */
export function inputsOf(source: string, more: Partial<WorkInputs> = {}): WorkInputs {
  computations += 1;
  const program = new TextEncoder().encode(source);
  return { computation: `c${computations}`, program, params: 'null', seed: 7, ...more };
}

/** `index:JSON text` of all accepted values, in order. */
export function textsOf(parts: readonly WorkPart[]): string[] {
  return parts.flatMap(({ accepted }) =>
    accepted.flatMap((column) => {
      if (column.kind === 'hash') throw new Error('a part holds its values');
      return [...column.indices].map((index, k) => `${index}:${columnText(column, k)}`);
    }),
  );
}

/** The intervals of the parts, joined where they touch. */
export function coverageOf(parts: readonly WorkPart[]): [number, number][] {
  const joined: [number, number][] = [];
  for (const { lo, hi } of parts) {
    const last = joined.at(-1);
    if (last !== undefined && last[1] === lo) last[1] = hi;
    else joined.push([lo, hi]);
  }
  return joined;
}
