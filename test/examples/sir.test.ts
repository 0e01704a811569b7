import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { quantile } from '../../scripts/histogram.ts';
import { createStreams, type Rng } from '../../src/work/candidate/rng.ts';

type Params = Readonly<Record<string, unknown>> | null;
type Evaluate<Value> = (context: { rng: Rng; params: Params }) => Value | undefined;
interface Fit {
  readonly beta: number;
  readonly gamma: number;
  readonly distance: number;
}

/** The first accepted of an example, as its executor finds them; at most 5 000 tries for each. */
function firstAccepted<Value>(
  evaluate: Evaluate<Value>,
  seed: number,
  params: Params,
  count: number,
): (readonly [index: number, value: Value])[] {
  const streams = createStreams(seed);
  const found: (readonly [number, Value])[] = [];
  for (let index = 0; found.length < count && index < count * 5_000; index += 1) {
    streams.open(index);
    const value = evaluate({ rng: streams.rng, params });
    if (value !== undefined) found.push([index, value]);
  }
  return found;
}

async function example<Value>(name: string): Promise<Evaluate<Value>> {
  const module = await import(new URL(`../../examples/${name}`, import.meta.url).href);
  return module.default;
}

describe('examples/sir.js', () => {
  const file = new URL('../../examples/boarding-school.json', import.meta.url);
  const school = JSON.parse(readFileSync(file, 'utf8'));
  let fits: Fit[];
  let last: number;

  beforeAll(async () => {
    const found = firstAccepted(await example<Fit>('sir.js'), 1978, school, 100);
    fits = found.map(([, fit]) => fit);
    last = found.at(-1)?.[0] ?? 0;
  });

  test.each([
    ['beta', 1.66, 1.9],
    ['gamma', 0.44, 0.54],
  ] as const)('the posterior of %s has its median in the published range', (key, from, to) => {
    const sample = fits.map((fit) => fit[key]);
    const median = quantile(sample, 0.5);
    expect(median).toBeGreaterThan(from);
    expect(median).toBeLessThan(to);
    const low = quantile(sample, 0.025);
    const high = quantile(sample, 0.975);
    expect(low, 'the central 95 % overlap it').toBeLessThan(to);
    expect(high, 'the central 95 % overlap it').toBeGreaterThan(from);
    expect(high - low, 'the data tell more than the prior').toBeLessThan(4 * (to - from));
  });

  test('a hundred are accepted, none further away than the tolerance', () => {
    expect(fits).toHaveLength(100);
    expect(Math.max(...fits.map((fit) => fit.distance))).toBeLessThanOrEqual(school.tolerance);
  });

  test('about one candidate in 2 600 is accepted', () => {
    expect(last / fits.length).toBeGreaterThan(1_800);
    expect(last / fits.length).toBeLessThan(3_400);
  });

  test('parameters left out are those of the boarding school', async () => {
    const evaluate = await example<Fit>('sir.js');
    const tolerance = 40;
    const mine = firstAccepted(evaluate, 3, { tolerance }, 5);
    const theirs = firstAccepted(evaluate, 3, { ...school, tolerance }, 5);
    expect(mine).toHaveLength(5);
    expect(mine).toEqual(theirs);
    expect(evaluate({ rng: createStreams(3).rng, params: null })).toBeUndefined();
  });

  test('giving up early rejects only what the whole simulation rejects too', async () => {
    const evaluate = await example<Fit>('sir.js');
    const streams = createStreams(11);
    let close = 0;
    for (let index = 0; index < 2_000; index += 1) {
      streams.open(index);
      const full = evaluate({ rng: streams.rng, params: { tolerance: 1_000 } });
      streams.open(index);
      const early = evaluate({ rng: streams.rng, params: { tolerance: 45 } });
      expect(early).toEqual(full !== undefined && full.distance <= 45 ? full : undefined);
      if (early !== undefined) close += 1;
    }
    expect(close).toBeGreaterThan(10);
  });
});

describe('examples/pi.js', () => {
  test('estimates π within four standard errors', async () => {
    const evaluate = await example<unknown>('pi.js');
    const streams = createStreams(0);
    const evaluated = 200_000;
    let inside = 0;
    for (let index = 0; index < evaluated; index += 1) {
      streams.open(index);
      if (evaluate({ rng: streams.rng, params: null }) !== undefined) inside += 1;
    }
    const share = Math.PI / 4;
    const error = 4 * Math.sqrt((share * (1 - share)) / evaluated);
    expect(Math.abs((4 * inside) / evaluated - Math.PI)).toBeLessThan(4 * error);
  });
});
