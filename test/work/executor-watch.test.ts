import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { watchExecutor } from '../../src/work/executor-watch.ts';
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

test.runIf(isLinux)('a process far above its memory limit is seen from outside', async () => {
  const eats = 'globalThis.all = Buffer.alloc(3e8, 1); process.stdin.resume();';
  const child = spawn(process.execPath, ['-e', eats], { stdio: ['pipe', 'ignore', 'ignore'] });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const end = watchExecutor({
    ...{ pid: child.pid ?? 0, isWrapped: false, stoppedMs: 500, mostBytes: null },
    ...{ memoryBytes: 2e8, onHungry: resolve },
    ...{ onStopped: () => reject(new Error('stopped')), onFull: () => reject(new Error('full')) },
  });
  expect(await promise).toBeGreaterThan(3e8);
  end();
  child.kill('SIGKILL');
});
