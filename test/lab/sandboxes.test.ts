import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { processCap } from '../../src/work/sandbox/process-cap.ts';
import type { Sandbox, Tier } from '../../src/work/sandbox/sandbox.ts';
import type { WorkInputs } from '../../src/work/workforce.ts';
import { hasBwrap, hasPermission } from '../why-no-bwrap.ts';
import { inputsOf, openBench, textsOf, type WorkBench } from '../work/work-bench.ts';

const SCRATCH_BYTES = 3_000_000;

let folder: string;
let bench: WorkBench;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-sandbox-'));
  bench = await openBench({ folder, scratchBytes: SCRATCH_BYTES });
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const held = (tier: Tier, more: Partial<Sandbox> = {}): Sandbox => {
  return { tier, net: false, reads: [], writes: [], ...more };
};

/** Values by index, and why the others came to none. */
async function run(inputs: WorkInputs, hi: number): Promise<Record<number, unknown>> {
  const told = bench.execute({ hi }, inputs);
  await told.ended;
  const outcomes: Record<number, unknown> = {};
  for (const text of textsOf(told.parts)) {
    const cut = text.indexOf(':');
    outcomes[Number(text.slice(0, cut))] = JSON.parse(text.slice(cut + 1));
  }
  for (const { index, failure } of told.failed) outcomes[index] = failure;
  return outcomes;
}

const secret = (): string => join(folder, 'secret');

const FUNCTION = `
import fs from 'node:fs';
import os from 'node:os';
import { execSync } from 'node:child_process';
import { Worker } from 'node:worker_threads';
const deeds = [
  () => fs.writeFileSync('/meshd-was-here', ''),
  () => fs.writeFileSync('beside', ''),
  ({ params }) => fs.readFileSync(params.secret, 'utf8'),
  ({ params }) => fs.readdirSync(params.home),
  () => execSync('id').toString(),
  () => void new Worker('', { eval: true }),
  ({ scratch }) => { fs.writeFileSync(scratch + '/a', '12'); return fs.readdirSync(scratch); },
  ({ scratch }) => fs.readdirSync(scratch),
  () => process.kill(process.ppid, 0),
  () => process.kill(0, 'SIGWINCH'),
  () => process._debugProcess(process.ppid),
  () => os.setPriority(process.ppid, 19),
  () => process.kill(process.pid, 0),
  () => Object.keys(process.env).filter((name) => !['PATH', 'TZ', 'LC_ALL'].includes(name)),
];
export default async (input) => deeds[input.index]?.(input) ?? 'done';
`;

function functionIn(sandbox: Sandbox): WorkInputs {
  const params = JSON.stringify({ secret: secret(), home: process.env['HOME'] ?? '/root' });
  return inputsOf(FUNCTION, { sandbox, params });
}

const refused = (what: string): unknown => {
  return { kind: 'system', detail: expect.stringContaining(`the sandbox refuses ${what}`) };
};

describe.each<[Tier, boolean]>([
  ['permission', hasPermission],
  ['bwrap', hasBwrap && hasPermission],
])('a function in the tier %s', (tier, isThere) => {
  test.runIf(isThere)('reaches its scratch folder alone, and the rest goes on', async () => {
    writeFileSync(secret(), 'of others');
    expect(await run(functionIn(held(tier)), 15)).toEqual({
      0: refused('FileSystemWrite of /meshd-was-here'),
      1: refused('FileSystemWrite of beside'),
      2: refused('FileSystemRead of '),
      3: refused('FileSystemRead of '),
      4: refused('ChildProcess'),
      5: refused('WorkerThreads'),
      6: ['a'],
      7: [],
      ...{ 8: refused('Signal'), 9: refused('Signal'), 10: refused('Signal') },
      ...{ 11: refused('Signal'), 12: true, 13: [], 14: 'done' },
    });
    expect(existsSync('/meshd-was-here')).toBe(false);
  });

  test.runIf(isThere)('reads and writes what is opened to it', async () => {
    writeFileSync(secret(), 'of others');
    const open = join(folder, `open-${tier}`);
    mkdirSync(open);
    const inputs = inputsOf(
      `import fs from 'node:fs';
       export default ({ params: { secret, open } }) => {
         fs.writeFileSync(open + '/new', '1');
         return [fs.readFileSync(secret, 'utf8'), fs.readdirSync(open)];
       };`,
      {
        sandbox: held(tier, { reads: [secret()], writes: [open] }),
        params: JSON.stringify({ secret: secret(), open }),
      },
    );
    expect(await run(inputs, 1)).toEqual({ 0: ['of others', ['new']] });
    expect(readdirSync(open)).toEqual(['new']);
  });

  test.runIf(isThere)('has its errors mapped to the user’s lines', async () => {
    const sources = new TextEncoder().encode(
      '{"version":3,"names":[],"sources":["meshd:own.ts"],"mappings":"AAAA;AACA;AACA"}',
    );
    const inputs = inputsOf('\nexport default () => { throw new Error("no"); };\n', {
      sandbox: held(tier),
      sources,
    });
    const told = bench.execute({ hi: 1 }, inputs);
    await told.ended;
    expect(told.parts.flatMap(({ errors }) => errors)[0]?.detail).toContain('own.ts:2');
  });
});

test('no executor serves in another sandbox than its own', async () => {
  const inputs = inputsOf('export default () => process.permission !== undefined;');
  expect(await run(inputs, 1)).toEqual({ 0: false });
  const tier = hasPermission ? 'permission' : 'none';
  expect(await run({ ...inputs, sandbox: held(tier) }, 1)).toEqual({ 0: hasPermission });
  expect(await run(inputs, 1)).toEqual({ 0: false });
});

describe('a scratch folder', () => {
  test('beyond its quota fails the candidate alone', async () => {
    const inputs = inputsOf(
      `import fs from 'node:fs';
       export default async ({ index, scratch }) => {
         for (let k = 0; index === 1; k += 1) {
           fs.writeFileSync(scratch + '/' + k, Buffer.alloc(100_000, 1));
           await new Promise((resolve) => setTimeout(resolve, 1));
         }
         return index;
       };`,
    );
    const detail = 'more than 3 MB in its scratch folder';
    expect(await run(inputs, 3)).toEqual({ 0: 0, 1: { kind: 'system', detail }, 2: 2 });
  });

  test('is not made unless it is asked for', async () => {
    const inputs = inputsOf(
      `import fs from 'node:fs';
       export default () => fs.readdirSync('.').includes('scratch');`,
    );
    expect(await run(inputs, 1)).toEqual({ 0: false });
  });
});

const SPEC = { environment: {}, tries: 1, timeoutMs: null, outputBytes: null, delayMs: 0 };

function commandsIn(directory: string, commands: readonly string[], sandbox: Sandbox): WorkInputs {
  const items = commands.map((command) => JSON.stringify({ command }));
  return inputsOf(JSON.stringify({ ...SPEC, directory }), {
    ...{ commands: true, sandbox, items: async (lo, hi) => items.slice(lo, hi) },
    params: '{}',
  });
}

/** Of commands: what they printed, or that they failed. */
async function printed(inputs: WorkInputs, hi: number): Promise<unknown[]> {
  const outcomes = await run(inputs, hi);
  return Object.values(outcomes).map((outcome) => {
    const { exit, stdout = '' } = outcome as { exit?: number; stdout?: string };
    if (exit === undefined) return outcome;
    return exit === 0 ? stdout : 'failed';
  });
}

describe('commands in the tier bwrap', () => {
  test.runIf(hasBwrap)('reach the folder that is opened to them, and their scratch', async () => {
    const own = join(folder, 'own');
    mkdirSync(own);
    writeFileSync(secret(), '');
    const commands = [
      'touch /meshd-was-here',
      'touch "$TMPDIR/../beside"',
      `cat '${secret()}'`,
      `ls -d '${process.env['HOME'] ?? '/root'}'`,
      'echo 1 > made; ls',
      'echo 1 > "$TMPDIR/a"; ls "$TMPDIR"',
      'ls "$TMPDIR"; ls /proc | grep -c "^[0-9]*$" | sed "s/^[0-9]$/few/"',
      'grep -v " lo:" /proc/net/dev | tail -n +3 | wc -l',
    ];
    const inputs = commandsIn(own, commands, held('bwrap', { writes: [own] }));
    expect(await printed(inputs, commands.length)).toEqual([
      ...['failed', 'failed', 'failed', 'failed', 'made\n', 'a\n', 'few\n', '0\n'],
    ]);
    expect(readdirSync(own)).toEqual(['made']);
    expect(existsSync('/meshd-was-here')).toBe(false);
  });

  test.runIf(hasBwrap)('fill no disk beside the folders that are their own', async () => {
    const common = join(folder, 'common');
    mkdirSync(common);
    const fill = `head -c 5000000 /dev/zero > '${common}/fill'; sleep 20`;
    const limit = { folder: common, bytes: 2e6 };
    const sandbox = held('bwrap', { writes: [common], common: limit });
    const commands = ['echo a', fill, `rm '${common}/fill'; echo b`];
    const detail = 'more than 2 MB in the folder of its job’s commands';
    expect(await printed(commandsIn(common, commands, sandbox), 3)).toEqual([
      ...['a\n', { kind: 'system', detail }, 'b\n'],
    ]);
  });

  test.runIf(hasBwrap)('beyond the limit of processes fail alone', async () => {
    const own = join(folder, 'many');
    mkdirSync(own);
    const many = 'for k in $(seq 400); do sleep 30 & done; wait';
    const inputs = commandsIn(own, ['echo a', many, 'echo b'], held('bwrap', { writes: [own] }));
    expect(await printed(inputs, 3)).toEqual([
      'a\n',
      { kind: 'system', detail: expect.stringMatching(/^\d+ processes, the limit is 256$/) },
      'b\n',
    ]);
  });
});

test('the kernel, too, limits what a sandbox starts', async () => {
  const cap = processCap('0123456789abcdef');
  const [program = 'sh', ...words] = [
    ...[...cap.outside, ...cap.inside, 'sh', '-c'],
    'cat /proc/self/cgroup; grep "Max processes" /proc/self/limits',
  ];
  const { stdout } = spawnSync(program, words, { encoding: 'utf8' });
  await cap.release();
  if (cap.outside.length + cap.inside.length === 0) {
    console.log('skipped: there is no group of processes that may be limited, and this is root');
    return;
  }
  const held = process.getuid?.() === 0 ? /:.*\/meshd-\d+-0123456789abcdef$/m : / 1024 /;
  expect(stdout).toMatch(held);
  expect(cap.outside.at(-1) ?? '/nowhere').not.toSatisfy(existsSync);
});
