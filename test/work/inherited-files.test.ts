import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Tier } from '../../src/work/sandbox/sandbox.ts';
import { hasBwrap, hasPermission } from '../why-no-bwrap.ts';

const hasBash = spawnSync('bash', ['-c', 'true']).status === 0;
if (!hasBash) console.log('skipped: there is no bash, which hands on descriptors by number');
if (process.platform !== 'linux') console.log('skipped: only Linux lists what a process has open');
const canTell = hasBash && process.platform === 'linux';

/** Runs one order in a workforce, and prints the numbers that a candidate finds open. */
const PEER = `
import { inputsOf, openBench, textsOf } from '${new URL('./work-bench.ts', import.meta.url).href}';
const [, folder, tier] = process.argv;
const bench = await openBench({ folder });
const program = \`
  import fs from 'node:fs';
  export default () => [250, 251, 252].filter((number) => {
    try { return fs.fstatSync(number) !== undefined; } catch { return false; }
  });\`;
const sandbox = { tier, net: false, reads: [], writes: [] };
const told = bench.execute({ hi: 1 }, inputsOf(program, { sandbox }));
await told.ended;
console.log(JSON.stringify([textsOf(told.parts), told.failed]));
await bench[Symbol.asyncDispose]();
`;

test.runIf(canTell).each<[Tier, boolean]>([
  ['none', true],
  ['permission', hasPermission],
  ['bwrap', hasBwrap],
])('in the tier %s user code has no pipe or device of who started the peer', (tier, isThere) => {
  if (!isThere) return;
  const folder = mkdtempSync(join(tmpdir(), 'meshd-inherited-'));
  const words = ['--input-type=module', '-e', PEER, folder, tier];
  const script = 'exec 250</dev/zero 251< <(true) 252> >(true); exec "$0" "$@"';
  const { stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, ...words], {
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true, force: true });
  expect(stdout.trim(), stderr).toBe(JSON.stringify([['0:[]'], []]));
});
