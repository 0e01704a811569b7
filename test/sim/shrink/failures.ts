import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { run as runWorld, Verdict } from '../run.ts';
import type { Scenario } from '../world/scenario.ts';
import { describe, shrink } from './shrink.ts';

/** Runs that shrinking one failure may take. */
const BUDGET = 200;

/** Lines of a transcript that are shown, up to the violation. */
const LAST_LINES = 40;

/** Shrinks a failing scenario, writes it to a file, and says what happens in it. */
export function explain(scenario: Scenario, invariant: string, run: typeof runWorld): string {
  const fails = (smaller: Scenario): boolean => run(smaller).violation?.invariant === invariant;
  const smallest = shrink(scenario, fails, BUDGET);
  const file = join(tmpdir(), `meshd-sim-${scenario.seed}.json`);
  writeFileSync(file, JSON.stringify(smallest));
  const verdict = run(smallest, { transcript: true });
  return [
    `shrunk: ${describe(smallest)}`,
    lastLines(verdict),
    `kept in ${file}: npm run sim -- --scenario ${file} --trace`,
  ].join('\n');
}

/** The end of a transcript: what was told of the job's blocks first makes room. */
export function lastLines({ transcript }: Verdict): string {
  const isNoise = (line: string): boolean => / (?:lease\.queued|evaluated) /.test(line);
  const lines = transcript.filter((line) => !isNoise(line));
  return lines.slice(-LAST_LINES).join('\n');
}
