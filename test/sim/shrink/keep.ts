import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from '../run.ts';
import { generate } from '../world/generate.ts';
import type { Scenario } from '../world/scenario.ts';
import { describe, shrink } from './shrink.ts';

/**
 * Keeps a scenario for ever, as a test: `node test/sim/shrink/keep.ts SEED|FILE NAME STORY`. FILE: a
 * scenario as JSON. NAME: in kebab case, what went wrong. STORY: the same in a sentence, and which
 * invariant it broke. A world that fails when it is kept is shrunk first.
 */

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** Runs that shrinking may take. */
const BUDGET = 300;

function read(from: string): Scenario {
  if (/^\d+$/.test(from)) return generate(Number(from));
  const found = JSON.parse(readFileSync(from, 'utf8')) as Scenario | { scenario: Scenario };
  return 'scenario' in found ? found.scenario : found;
}

/** The scenario, or a smaller one that breaks the same invariant. */
function smallest(scenario: Scenario): Scenario {
  const broken = run(scenario).violation?.invariant;
  if (broken === undefined) return scenario;
  console.error(`breaks ${broken} now`);
  const isBroken = (smaller: Scenario): boolean => run(smaller).violation?.invariant === broken;
  return shrink(scenario, isBroken, BUDGET);
}

function keep(from: string, name: string, story: string): void {
  const path = join(import.meta.dirname, '..', 'seeds', `${name}.json`);
  if (existsSync(path)) throw new Error(`${path} is there already: choose another name`);
  const scenario = smallest(read(from));
  writeFileSync(path, JSON.stringify({ story, scenario }));
  const biome = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  execFileSync(process.execPath, [biome, 'format', '--write', path], { cwd: ROOT });
  console.log(`${describe(scenario)}\n\nkept in ${relative(ROOT, path)}`);
}

const [from, name, story] = process.argv.slice(2);
if (from === undefined || !/^[a-z0-9-]+$/.test(name ?? '') || story === undefined) {
  console.error('usage: node test/sim/shrink/keep.ts SEED|FILE NAME STORY (NAME in kebab case)');
  process.exitCode = 2;
} else keep(from, name ?? '', story);
