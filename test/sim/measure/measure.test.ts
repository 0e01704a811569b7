import { expect, test } from 'vitest';
import { runFlat } from './flat.ts';
import { byField, countEntries } from './state-walk.ts';
import { markdown, median, short } from './table.ts';
import { runTrial, type Trial } from './trial.ts';

const PAIR: Trial = {
  ...{ seed: 5, peers: 2, delayMs: [2, 30], slotMs: 6000, costMs: 14, every: 50 },
  trouble: { kind: 'none' },
};

class Shelf {
  readonly #hidden = new Map([['a', [1, 2]]]);
  readonly shown = { list: new Set([1, 2, 3]), bytes: new Float64Array(2) };

  get size(): number {
    return this.#hidden.size;
  }
}

test('a walk counts private fields, what lies in collections, and bytes of typed arrays', () => {
  const entries = countEntries({ shelves: [new Shelf(), new Shelf()] });
  expect(Object.fromEntries(entries)).toEqual({
    ...{ shelves: 2, 'shelves[].#hidden': 2, 'shelves[].#hidden[]': 4 },
    ...{ 'shelves[].shown.list': 6, 'shelves[].shown.bytes': 32 },
  });
  expect([...byField(entries)]).toEqual([['shelves', 46]]);
});

test('an object that is met twice is counted once', () => {
  const list = [1, 2, 3];
  expect(Object.fromEntries(countEntries({ a: list, b: list }))).toEqual({ a: 3 });
});

test('a trial of the same seed is the same, to the message', () => {
  const [one, other] = [runTrial(PAIR), runTrial(PAIR)];
  expect(other.makespanMs).toBe(one.makespanMs);
  expect([...other.meter.kinds]).toEqual([...one.meter.kinds]);
  expect(runTrial({ ...PAIR, seed: 6 }).makespanMs).not.toBe(one.makespanMs);
});

test('slots are idle or at work: what they did is what was evaluated', () => {
  const { meter, answer, idealMs, makespanMs, world } = runTrial(PAIR);
  expect(meter.covered.covers(0, answer.end)).toBe(true);
  expect(makespanMs).toBeGreaterThan(idealMs * 0.9);
  expect(meter.slotMs).toBeCloseTo(2 * makespanMs, 6);
  expect(meter.busyMs).toBeLessThanOrEqual(meter.slotMs);
  const probeMs = 64 * PAIR.costMs;
  expect(Math.abs(meter.busyMs - (meter.doneMs - probeMs))).toBeLessThan(0.05 * meter.busyMs);
  expect(world.live.length).toBe(2);
});

test('the batches of an execution become one segment', () => {
  const { world, meter, job } = runTrial(PAIR);
  const segments = world.machines[0]?.state?.jobs.get(job.id)?.computation.segments ?? 0;
  expect(segments).toBeGreaterThan(10);
  expect(segments).toBeLessThanOrEqual(meter.blocks + 2);
});

test('a partition makes the halves evaluate candidates twice, and the meter sees it', () => {
  const cut: Trial = {
    ...{ ...PAIR, slotMs: 60_000 },
    trouble: { kind: 'partition', afterMs: 5000, forMs: 120_000 },
  };
  const { meter, answer } = runTrial(cut);
  expect(meter.againMs).toBeGreaterThan(0.2 * answer.end * PAIR.costMs);
});

test('churn takes slots away for a while', () => {
  const churn = { kind: 'churn', everyMs: 4000, backMs: 1000 } as const;
  const { meter, makespanMs, world } = runTrial({ ...PAIR, trouble: churn });
  expect(world.machines.some(({ run }) => run > 1)).toBe(true);
  expect(meter.slotMs).toBeLessThan(1.95 * makespanMs);
});

test('E5: what a peer holds does not grow with the blocks that it has evaluated', () => {
  const [early, late] = runFlat(1, [1000, 4000]);
  const total = (entries = new Map() as ReadonlyMap<string, number>): number =>
    [...entries.values()].reduce((sum, count) => sum + count, 0);
  expect(late?.blocks).toBe(4000);
  expect(total(late?.entries)).toBeLessThan(total(early?.entries) + 64);
});

test('a table tells three digits, and the middle of an odd count', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect([0, 0.01234, 1.234, 45.67, 1234, 1_234_567].map(short)).toEqual([
    ...['0', '0.012', '1.23', '45.7', '1 230', '1 230 000'],
  ]);
  expect(markdown(['a', 'b'], [['x', 2]])).toBe('| a | b |\n| --- | --: |\n| x | 2.00 |');
});
