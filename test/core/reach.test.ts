import { describe, expect, test } from 'vitest';
import type { Column } from '../../src/core/column.ts';
import { Computation } from '../../src/core/computation.ts';
import { JobState } from '../../src/core/job-state.ts';
import type { Manifest, Target } from '../../src/core/manifest.ts';
import { estimate, grainOf, powerBelow, reachOf } from '../../src/core/reach.ts';
import { DEFAULT_TIMING } from '../../src/core/timing.ts';
import { PLAIN_TERMS } from './plain-terms.ts';

const HASH = 'ab'.repeat(32);
const NO_PROBE = { candidates: 0, accepted: 0, ms: 0 };

function jobOf(target: Target, probe: Manifest['probe'] = NO_PROBE): JobState {
  const items = target.kind === 'map' ? { root: HASH, count: target.count } : null;
  const spec = {
    ...{ program: HASH, params: HASH, seed: 0, items, contract: 1 },
    ...{ mathClass: 'aa'.repeat(8), commandsOf: null },
  };
  const manifest: Manifest = {
    ...{ owner: 'anna', nonce: '00'.repeat(16), name: 'job', spec, target },
    ...PLAIN_TERMS,
    probe,
  };
  return new JobState(HASH, manifest, new Computation(HASH, spec), HASH, 0);
}

function accept(count: number, probe?: Manifest['probe'], maxEvals: number | null = null) {
  return jobOf({ kind: 'accept', count, maxEvals }, probe);
}

/** Adds a segment [lo, hi) that accepts every `every`-th index and took 1 ms each. */
let records = 0;
function evaluate(job: JobState, lo: number, hi: number, every: number): void {
  const accepted: number[] = [];
  for (let index = Math.ceil(lo / every) * every; index < hi; index += every) accepted.push(index);
  const indices = Float64Array.from(accepted);
  const column: Column = { kind: 'number', indices, values: indices };
  const key = { scope: HASH, origin: 'anna', start: { incarnation: 1, nonce: '0' }, n: records++ };
  job.computation.apply(key, {
    ...{ kind: 'segment', job: HASH, lo, hi, ms: hi - lo, fresh: false },
    ...{ accepted: [column], errors: [] },
  });
}

/** Candidates open below the reach: those that may be claimed. */
function open(job: JobState, slots: number, elapsedMs = 5000): number {
  const expected = estimate(job);
  const grain = grainOf(job, expected, slots, elapsedMs, DEFAULT_TIMING);
  const reach = reachOf(job, expected, grain, slots);
  return reach - job.computation.coverage.count(0, reach);
}

describe('how far ahead', () => {
  test('r/p + 2·√r/p candidates are open once ten segments are in', () => {
    const job = accept(200);
    for (let k = 0; k < 10; k++) evaluate(job, k * 100, k * 100 + 100, 10);
    expect(job.computation.answers.lines).toBe(100);
    expect(open(job, 4)).toBe((100 + 2 * 10) * 10);
  });

  test('below a bound no more remains than what is not covered, so that blocks shrink', () => {
    const job = accept(100_000, undefined, 2000);
    for (let k = 0; k < 19; k++) evaluate(job, k * 100, k * 100 + 100, 10);
    expect(estimate(job).remaining).toBe(100);
  });

  test('before that 4 × slots blocks are', () => {
    const job = accept(100_000);
    const expected = estimate(job);
    const grain = grainOf(job, expected, 8, 0, DEFAULT_TIMING);
    expect(reachOf(job, expected, grain, 8)).toBe(4 * 8 * grain);
  });

  test('a gap below counts as open, so that a slow block is not raced past for ever', () => {
    const job = accept(200);
    for (let k = 1; k <= 10; k++) evaluate(job, k * 100, k * 100 + 100, 10);
    expect(open(job, 4)).toBe((100 + 2 * 10) * 10);
    const expected = estimate(job);
    expect(reachOf(job, expected, 16, 4)).toBe(100 + 1000 + 1200 - 100);
  });

  test('with N accepted known nothing above the N-th is claimed', () => {
    const job = accept(10);
    evaluate(job, 0, 40, 10);
    evaluate(job, 50, 150, 10);
    const expected = estimate(job);
    const last = job.computation.answers.lineAt(9) ?? Number.NaN;
    expect(last).toBe(100);
    expect(reachOf(job, expected, 1, 4)).toBe(101);
  });

  test('a function that accepts all opens no more than 2·√r above what is missing', () => {
    for (const count of [65, 100, 1000]) {
      const job = accept(count, { candidates: 64, accepted: 64, ms: 64 });
      evaluate(job, 0, 64, 1);
      const missing = count - 64;
      expect(open(job, 4)).toBeLessThanOrEqual(Math.ceil(missing + 2 * Math.sqrt(missing)));
    }
  });

  test('max-evals bounds it, and a map has its items as bound and no cap', () => {
    const bounded = accept(1_000_000, NO_PROBE, 50);
    expect(reachOf(bounded, estimate(bounded), 1024, 100)).toBe(50);
    const items = jobOf({ kind: 'map', count: 77_777 });
    expect(reachOf(items, estimate(items), 1, 1)).toBe(77_777);
  });

  test('it stays within 2^53 − 1 for a function that accepts nothing', () => {
    const job = accept(2 ** 31, { candidates: 64, accepted: 0, ms: 0.001 });
    evaluate(job, 1, 2 ** 53 - 2, 2 ** 53);
    expect(open(job, 1024)).toBeGreaterThan(0);
    const reach = reachOf(job, estimate(job), 2 ** 40, 1024);
    expect(reach).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
  });
});

describe('block size', () => {
  const grain = (job: JobState, slots: number, elapsedMs: number): number =>
    grainOf(job, estimate(job), slots, elapsedMs, DEFAULT_TIMING);

  test('is a power of two, at least 1', () => {
    expect([0, 0.5, 1, 1.99, 2, 3, 4, 1000, Number.NaN].map(powerBelow)).toEqual([
      1, 1, 1, 1, 2, 2, 4, 512, 1,
    ]);
    expect(powerBelow(Number.MAX_SAFE_INTEGER)).toBe(2 ** 50);
  });

  test('grows from short blocks to one second and then a thousandth of the elapsed time', () => {
    const probe = { candidates: 64, accepted: 1, ms: 64 };
    const sizes = [0, 1000, 4000, 4_000_000].map((ms) => grain(accept(10_000_000, probe), 1, ms));
    expect(sizes).toEqual([32, 128, 512, 2048]);
  });

  test('is 1 for a slow function', () => {
    expect(grain(accept(1000, { candidates: 1, accepted: 0, ms: 90_000 }), 4, 10_000)).toBe(1);
    expect(grain(accept(1000), 4, 0)).toBe(1);
  });

  test('holds no more accepted candidates than a few segments', () => {
    const trivial = { candidates: 64, accepted: 64, ms: 0.003 };
    expect(grain(accept(2 ** 31, trivial), 1, 10_000)).toBeLessThanOrEqual(16_384);
  });

  test('shrinks near the end', () => {
    const job = accept(10_000);
    evaluate(job, 0, 9000, 10);
    const early = grain(job, 8, 10_000);
    evaluate(job, 9000, 99_900, 10);
    expect(grain(job, 8, 10_000)).toBeLessThan(early);
  });

  test('in a big mesh is at least slots/200 seconds', () => {
    const probe = { candidates: 64, accepted: 1, ms: 64 };
    expect(grain(accept(10_000_000, probe), 1000, 10_000)).toBeGreaterThan(2048);
  });
});

describe('estimates', () => {
  test('come from the probe, then from the segments', () => {
    const job = accept(100, { candidates: 64, accepted: 16, ms: 128 });
    expect(estimate(job)).toMatchObject({ rate: 0.25, remaining: 400, total: 400, costMs: 2 });
    evaluate(job, 0, 100, 10);
    expect(estimate(job)).toMatchObject({ rate: 0.1, remaining: 900, total: 1000, costMs: 1 });
  });

  test('with none accepted, one in all that were tried is assumed', () => {
    const job = accept(10);
    evaluate(job, 1, 501, 1000);
    expect(estimate(job).rate).toBe(1 / 500);
  });
});
