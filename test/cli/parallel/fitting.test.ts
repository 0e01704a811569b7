import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { CommandFlags } from '../../../src/cli/commands/flags.ts';
import { planCommands } from '../../../src/cli/commands/plan.ts';
import { fitted } from '../../../src/cli/parallel/fitting.ts';

async function commands(flags: CommandFlags, ...words: string[]): Promise<string[]> {
  const { planned } = await planCommands(words, flags, Readable.from([]));
  return planned.map(({ command }) => command);
}

const twelve = [':::', ...Array.from({ length: 12 }, (_, k) => String(k + 1))];

describe('as many arguments as fit', () => {
  // As GNU parallel 20221122 prints them with --dry-run.
  test.each([
    [{ X: true, jobs: 2, maxChars: 20 }, 'echo {}', ['1 2 3 4 5 6 7', '8 9 10', '11 12']],
    [{ m: true, jobs: 1, maxChars: 20 }, 'echo a{}b', ['a1 2 3 4 5 6b', 'a7 8 9 10 11b', 'a12b']],
    [
      { X: true, jobs: 1, maxArgs: 5 },
      'echo a{}',
      ['a1 a2 a3 a4 a5', 'a6 a7 a8 a9 a10', 'a11 a12'],
    ],
    [{ xargs: true, jobs: 2 }, 'echo {}', ['1 2 3 4 5 6 7 8 9 10 11 12']],
    [{ maxLines: 8 }, 'echo {}', ['1 2 3 4 5 6 7 8', '9 10 11 12']],
  ])('%j', async (flags, command, expected) => {
    const found = await commands(flags, command, ...twelve);
    expect(found).toEqual(expected.map((args) => `echo ${args}`));
  });

  test('are those that fit, and one more does not', () => {
    const args = Array.from({ length: 5000 }, (_, k) => 'x'.repeat((k * 7919) % 23));
    const bytesOf = (some: readonly string[]): number => some.join(' ').length;
    const jobs = fitted(args, bytesOf, { mostBytes: 300, spread: 1 });
    expect(jobs.flat()).toEqual(args);
    for (const [k, job] of jobs.entries()) {
      const next = jobs[k + 1]?.slice(0, 1);
      expect(bytesOf(job)).toBeLessThanOrEqual(300);
      if (next !== undefined) expect(bytesOf([...job, ...next])).toBeGreaterThan(300);
    }
  });

  test.each([
    [{ X: true, maxChars: 5 }, ['echo', ':::', 'a'], /argument 1 makes a command of 7 bytes/],
    [{ maxChars: 50 }, ['echo', ':::', 'a'], /give -X or -m/],
    [{ m: true }, ['echo', ':::', 'a', ':::', 'b'], /take one list of arguments/],
  ])('%j is refused where it cannot be', async (flags, words, says) => {
    await expect(commands(flags, ...words)).rejects.toThrow(says);
  });
});
