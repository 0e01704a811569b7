import { describe, expect, test } from 'vitest';
import { HaltWatch, parseHalt } from '../../../src/cli/parallel/halt.ts';

/** What the watch says after each job. */
function verdicts(text: string, exits: readonly number[], doneBefore = 0): string[] {
  const watch = new HaltWatch(parseHalt(text), { jobs: exits.length + doneBefore, doneBefore });
  return exits.map((exit) => watch.finished(exit));
}

describe('--halt is read', () => {
  test.each([
    ['never', { when: 'never' }],
    ['soon,fail=1', { when: 'soon', why: 'fail', limit: 1, unit: 'jobs' }],
    ['now,fail=1', { when: 'now', why: 'fail', limit: 1, unit: 'jobs' }],
    ['now,success=3', { when: 'now', why: 'success', limit: 3, unit: 'jobs' }],
    ['soon,fail=20%', { when: 'soon', why: 'fail', limit: 20, unit: '%' }],
    ['now,done=50%', { when: 'now', why: 'done', limit: 50, unit: '%' }],
    ['soon,done=100%', { when: 'soon', why: 'done', limit: 100, unit: '%' }],
    ['soon,done=200', { when: 'soon', why: 'done', limit: 200, unit: 'jobs' }],
  ])('%s', (text, expected) => {
    expect(parseHalt(text)).toEqual(expected);
  });

  test.each([
    ['0', 'never'],
    ['1', 'soon,fail=1'],
    ['2', 'now,fail=1'],
    ['-1', 'soon,success=1'],
    ['-2', 'now,success=1'],
    ['1%', 'soon,fail=1%'],
    ['99%', 'soon,fail=99%'],
  ])('%s as %s', (old, text) => {
    expect(parseHalt(old)).toEqual(parseHalt(text));
  });

  test.each([
    ...['', 'bad', '3', '-3', 'soon', 'soon,fail', 'soon,fail=', 'soon,fail=x', 'soon,fail=1.5'],
    ...['later,fail=1', 'soon,lost=1', 'soon=fail,1', 'soon,fail=-1', 'now,fail=1,done=2'],
    ...['1.5%', 'never,fail=1', 'NOW,fail=1', 'constructor', 'soon,fail=1 '],
    // Unlike parallel, which takes these: none, and more than there are.
    ...['soon,fail=0', '0%', 'now,done=101%', '101%'],
  ])('and refused if it is "%s"', (text) => {
    expect(() => parseHalt(text)).toThrow(`--halt ${text}: it must be never, or soon or now `);
  });
});

/** As GNU parallel 20221122 -j1 ended with these exit codes. */
describe('--halt is reached', () => {
  test('never with never', () => {
    expect(verdicts('never', [1, 1, 0])).toEqual(['go on', 'go on', 'go on']);
  });

  test('by the second failure with fail=2', () => {
    expect(verdicts('soon,fail=2', [0, 1, 0, 1])).toEqual(['go on', 'go on', 'go on', 'soon']);
  });

  test('by the third failure of seven with 30 %', () => {
    expect(verdicts('30%', [0, 7, 0, 1, 1, 1, 0])).toEqual([
      ...['go on', 'go on', 'go on', 'go on', 'soon', 'soon', 'soon'],
    ]);
  });

  test('by the second success with success=2', () => {
    expect(verdicts('now,success=2', [1, 0, 0, 1])).toEqual(['go on', 'go on', 'now', 'now']);
  });

  test('by the second job with done=2', () => {
    expect(verdicts('now,done=2', [1, 0, 0])).toEqual(['go on', 'now', 'now']);
  });

  test('by exactly the half of four with 50 %', () => {
    expect(verdicts('now,done=50%', [0, 0, 0, 0])).toEqual(['go on', 'now', 'now', 'now']);
  });

  test('with the jobs that --resume left out, which count as successes', () => {
    expect(verdicts('now,done=3', [1, 0], 2)).toEqual(['now', 'now']);
    expect(verdicts('now,success=3', [1, 0], 2)).toEqual(['go on', 'now']);
    expect(verdicts('now,success=1', [1, 0], 2)).toEqual(['go on', 'now']);
    expect(verdicts('now,fail=1', [0, 1], 2)).toEqual(['go on', 'now']);
    expect(verdicts('now,done=50%', [0, 0, 0, 0], 2)).toEqual(['now', 'now', 'now', 'now']);
  });

  test('by a negative exit code, as of a job that ran out of time', () => {
    expect(verdicts('now,fail=1', [-1])).toEqual(['now']);
  });
});
