import { expect, test } from 'vitest';
import type { Hash } from '../../src/core/ids.ts';
import type { JobState } from '../../src/core/job-state.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { FailedCommands } from '../../src/node/reports/failed-commands.ts';

const hashOf = (index: number): Hash => `${index}`.padStart(64, '0') as Hash;
const textOf = (exit: number, stderr: string): string =>
  JSON.stringify({ exit, signal: 0, stderr, started: 0, seconds: 0 });

/** A job of commands; a long result is in a blob. */
function jobOf(results: readonly { exit: number; isLong: boolean }[]): JobState {
  const outcomes = results.map(({ exit, isLong }, index): Outcome => {
    if (isLong) return { kind: 'long', hash: hashOf(index), bytes: 5100 };
    return { kind: 'value', text: textOf(exit, `says ${index}`) };
  });
  const answers = {
    positionOf: (end: number) => Math.min(end, outcomes.length),
    lineAt: (line: number) => line,
    get: (index: number) => outcomes[index],
  };
  const computation = { answers, isPure: false };
  return { computation, ending: { end: results.length } } as unknown as JobState;
}

test('a long result counts and is told once it is here, and until then it is known to be unread', async () => {
  const job = jobOf([
    { exit: 0, isLong: true },
    { exit: 1, isLong: false },
    { exit: 2, isLong: true },
    { exit: 3, isLong: true },
    { exit: 0, isLong: false },
  ]);
  const blobs = new Map<Hash, Uint8Array>();
  const put = (index: number, exit: number): void => {
    blobs.set(hashOf(index), new TextEncoder().encode(textOf(exit, 'x'.repeat(5000))));
  };
  const failures = new FailedCommands(async (hash) => blobs.get(hash));
  const told = async (): Promise<unknown[]> =>
    (await Array.fromAsync(failures.errors(job))).map(({ index, name }) => [index, name]);
  put(0, 0);
  put(3, 3);
  expect(await failures.unread(job)).toEqual([hashOf(2)]);
  expect(await failures.count(job)).toBe(2);
  expect(await told()).toEqual([
    [1, 'exit 1'],
    [3, 'exit 3'],
  ]);
  put(2, 2);
  expect(await failures.unread(job)).toEqual([]);
  expect(await failures.count(job)).toBe(3);
  expect(await told()).toEqual([
    [1, 'exit 1'],
    [2, 'exit 2'],
    [3, 'exit 3'],
  ]);
  // What a report holds of stderr has an end.
  const [, long] = await Array.fromAsync(failures.errors(job));
  expect(long?.detail).toBe('x'.repeat(2048));
});
