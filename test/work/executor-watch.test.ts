import { expect, test } from 'vitest';
import type { Tier } from '../../src/work/sandbox/sandbox.ts';
import { hasBwrap } from '../why-no-bwrap.ts';
import { inputsOf, openBench, textsOf } from './work-bench.ts';

/** Finds its executor among its ancestors, and stops that. */
const STOPS = `p=$PPID
  for up in 1 2 3 4; do
    grep -q executor-child "/proc/$p/cmdline" && kill -STOP "$p"
    p=$(sed 's/.*) . //; s/ .*//' "/proc/$p/stat")
  done
  sleep 1
  kill -KILL 0`;

const SPEC = { environment: {}, tries: 1, timeoutMs: null, outputBytes: null, delayMs: 0 };

// In a sandbox it is two processes further down.
const tier: Tier = hasBwrap ? 'bwrap' : 'none';
const isLinux = process.platform === 'linux';
if (!isLinux) console.log('skipped: only Linux tells what stands still');

test.runIf(isLinux)('a command that stops its executor costs itself alone', async () => {
  await using bench = await openBench({ stoppedMs: 300 });
  const items = ['echo a', STOPS, 'echo b'].map((command) => JSON.stringify({ command }));
  const inputs = inputsOf(JSON.stringify({ ...SPEC, directory: '/tmp' }), {
    ...{ commands: true, params: '{}', items: async (lo, hi) => items.slice(lo, hi) },
    sandbox: { tier, net: false, reads: [], writes: [] },
  });
  const told = bench.execute({ hi: items.length }, inputs);
  await told.ended;
  expect(textsOf(told.parts)).toMatchObject([
    expect.stringMatching(/^0:.*"a\\n"/),
    expect.stringMatching(/^2:.*"b\\n"/),
  ]);
  const detail = expect.stringContaining('it stood still for 0.3 s, stopped or traced');
  expect(told.failed).toMatchObject([{ index: 1, failure: { kind: 'died', detail } }]);
});
