import { clipText } from './clip-text.ts';
import type { Rng, Streams } from './rng.ts';

/** One call of a candidate that draws from its stream. */
export interface Draw {
  /** What was called: `uniform()`, `normal(0, 2)`, `Math.random()`, `seed32`. */
  readonly call: string;
  /** The first double of the stream that it took, counted from 0: two to a draw of Philox. */
  readonly first: number;
  /** How many it took; a normal's second value is kept from the first, and takes none. */
  readonly count: number;
  readonly value: number;
}

/** Calls that are told; the others are counted. */
export const MOST_DRAWS = 10_000;
/** The longest text of a call, in bytes. */
const MOST_CALL_BYTES = 120;

/** Streams that tell what is drawn from them. */
export interface TracedStreams {
  readonly streams: Streams;
  /** What Math.random is to be. */
  readonly random: () => number;
}

/** Makes the draws of streams known; they are the same ones. */
export function traceStreams(streams: Streams, tell: (draw: Draw) => void): TracedStreams {
  let told = 0;
  function drawing(name: string, values: readonly unknown[] | null, draw: () => number): number {
    const first = streams.drawn();
    const value = draw();
    told += 1;
    if (told > MOST_DRAWS) return value;
    const call = clipText(
      `${name}${values === null ? '' : `(${wordsOf(values)})`}`,
      MOST_CALL_BYTES,
    );
    tell({ call, first, count: streams.drawn() - first, value });
    return value;
  }
  const { rng } = streams;
  const traced = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(rng) as (keyof Rng)[]) {
    if (name === 'seed32') continue;
    const own = rng[name] as (...values: unknown[]) => number;
    traced[name] = (...values: unknown[]) => drawing(name, values, () => own(...values));
  }
  Object.defineProperty(traced, 'seed32', {
    enumerable: true,
    get: () => drawing('seed32', null, () => rng.seed32),
  });
  return {
    streams: {
      ...streams,
      rng: Object.freeze(traced) as unknown as Rng,
      open(index) {
        told = 0;
        streams.open(index);
      },
    },
    random: () => drawing('Math.random', [], rng.uniform),
  };
}

function wordsOf(values: readonly unknown[]): string {
  let words = '';
  for (let k = 0; k < values.length; k += 1) {
    const value = values[k];
    const word = typeof value === 'number' ? value : typeof value;
    words += `${k === 0 ? '' : ', '}${word}`;
  }
  return words;
}
