import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from './run.ts';
import { describe as tell } from './shrink/shrink.ts';
import type { Scenario } from './world/scenario.ts';

/**
 * Worlds that once broke an invariant. A new one: `node test/sim/shrink/keep.ts SEED|FILE NAME STORY`.
 */

interface Kept {
  readonly file: string;
  /** What went wrong, and the invariant that it broke. */
  readonly story: string;
  readonly scenario: Scenario;
}

const FOLDER = join(import.meta.dirname, 'seeds');

const KEPT = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.json'))
  .sort()
  .map((file): Kept => {
    const kept = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Omit<Kept, 'file'>;
    return { file, ...kept };
  });

test('the worlds that are kept are really there, each with a story', () => {
  expect(KEPT.length).toBeGreaterThan(0);
  for (const { file, story } of KEPT) {
    expect(file).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)+\.json$/);
    expect(story).toMatch(/\b[SLE][1-9]\b/);
  }
  expect(new Set(KEPT.map(({ story }) => story)).size).toBe(KEPT.length);
});

test.each(KEPT)('no more: $story', ({ file, scenario }) => {
  const { violation } = run(scenario);
  expect(violation, `${file}\n${tell(scenario)}`).toBeNull();
});
