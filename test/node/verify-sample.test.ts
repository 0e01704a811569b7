import { expect, test } from 'vitest';
import { IntervalSet } from '../../src/core/interval-set.ts';
import type { JobState } from '../../src/core/job-state.ts';
import { verifySample } from '../../src/node/jobs/verify-sample.ts';

/** What verify looks at of a job with an answer up to `end`. */
function jobWith(end: number, skipped: readonly number[], unknown: readonly number[]): JobState {
  const coverage = new IntervalSet([[0, end + 50]]);
  for (const index of unknown) coverage.remove(index, index + 1);
  return { ending: { end }, skipped, computation: { coverage } } as unknown as JobState;
}

const indicesOf = (job: JobState, share: number): number[] =>
  verifySample(job, share)
    .flatMap(([lo, hi]) => Array.from({ length: hi - lo }, (_, k) => lo + k))
    .sort((a, b) => a - b);

test.each([1, 0.5, 0.01])('of %d nothing that was left out is evaluated again', (share) => {
  // 4 loops for ever, 70 was mastered by a machine after it had been left out.
  const job = jobWith(3000, [4, 70], [4]);
  for (let time = 0; time < 20; time++) {
    const indices = indicesOf(job, share);
    expect(indices).not.toContain(4);
    expect(indices).not.toContain(70);
    expect(new Set(indices).size).toBe(indices.length);
    expect(indices.length).toBeGreaterThan(2900 * share - 64);
  }
});

test('all of it is everything else, once', () => {
  const indices = indicesOf(jobWith(300, [4], [4]), 1);
  expect(indices).toEqual([...Array(300).keys()].filter((index) => index !== 4));
});

test('where all was left out there is nothing to evaluate', () => {
  expect(verifySample(jobWith(2, [0, 1], [0, 1]), 1)).toEqual([]);
});
