import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENTRY } from './built.ts';
import type { Printed } from './lab.ts';

/** Where a system's own Node is, which may be older than the package wants. */
const SYSTEM_NODE = '/usr/bin/node';

const { bin, version } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  bin: { meshd: string };
  version: string;
};

function run(program: string, args: readonly string[]): Promise<Printed> {
  const { promise, resolve } = Promise.withResolvers<Printed>();
  execFile(program, args, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
  });
  return promise;
}

async function majorOf(node: string): Promise<number> {
  if (!existsSync(node)) return 0;
  return Number((await run(node, ['-p', 'process.versions.node'])).stdout.split('.')[0]);
}

describe('the command', () => {
  test('is what package.json names, and says its version and how it is used', async () => {
    expect(ENTRY.endsWith(bin.meshd)).toBe(true);
    expect(await run(ENTRY, ['--version'])).toEqual({
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
    const help = await run(ENTRY, ['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const verb of ['start', 'join', 'publish', 'attach', 'cancel']) {
      expect(help.stdout).toMatch(new RegExp(`^ +${verb}\\b`, 'm'));
    }
  });

  test('refuses a wrong argument in one line and exits 2', async () => {
    const { code, stdout, stderr } = await run(ENTRY, [
      'publish',
      'examples/pi.js',
      '--accept',
      '0',
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

const systemMajor = await majorOf(SYSTEM_NODE);
const isOld = systemMajor > 0 && systemMajor < 22;
if (!isOld) console.log(`not run: ${SYSTEM_NODE} is no Node older than 22`);

describe.runIf(isOld)('on an old Node', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meshd-entry-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('in a checkout, the entry starts itself again with the Node that npm brought', async () => {
    const printed = await run(SYSTEM_NODE, [ENTRY, '--version']);
    expect(printed).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    const failed = await run(SYSTEM_NODE, [ENTRY, 'publish', 'examples/pi.js', '--accept', '0']);
    expect(failed.code).toBe(2);
  });

  test('elsewhere, the entry says in one line what is wrong', async () => {
    const entry = join(folder, bin.meshd);
    mkdirSync(dirname(entry), { recursive: true });
    cpSync(ENTRY, entry);
    const { code, stdout, stderr } = await run(SYSTEM_NODE, [entry, '--version']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^meshd needs Node >= 22\.12, you have \d+\.\d+\.\d+\n$/);
  });
});
