import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'meshd-full-disk-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MOUNT = `mount -t tmpfs -o size=4m tmpfs "$1" && cd "$1" && shift`;

/** Runs a program on a small disk of its own, which nobody else sees. */
function onSmallDisk(...argv: readonly string[]): { status: number | null; stdout: string } {
  const inside = ['-c', `${MOUNT} && exec "$@"`, 'sh', folder, ...argv];
  return spawnSync('unshare', ['-rm', 'sh', ...inside], { encoding: 'utf8', timeout: 20_000 });
}

const hasDisk = onSmallDisk('true').status === 0;
if (!hasDisk) console.warn('full disks are not tested: `unshare -rm` cannot mount one here');

const SHELL = fileURLToPath(new URL('../../../src/work/command/shell.ts', import.meta.url));

/** Tells of each command how it went, with its stdout's length. */
const CODE = `
import { rmSync } from 'node:fs';
import { Shell } from ${JSON.stringify(SHELL)};
const folder = process.cwd();
const shell = new Shell({ directory: folder, folder, environment: { PATH: process.env.PATH } });
const limits = { variables: {}, outputBytes: null, timeoutMs: null };
for (const command of process.argv.slice(1)) {
  await shell.run(command, limits).then(
    ({ exit, stdout }) => console.log(exit, stdout.bytes ?? stdout.length),
    ({ code }) => console.log(code),
  );
}
await shell.close();`;

describe.skipIf(!hasDisk)('a command on a full disk', () => {
  test('has no result when what it wrote is incomplete, whatever its exit code', () => {
    const { stdout } = onSmallDisk(
      ...[process.execPath, '--input-type=module', '-e', CODE, '--'],
      'head -c 2000000 /dev/zero',
      'head -c 1000000 /dev/zero; head -c 9000000 /dev/zero; true',
      'head -c 9000000 /dev/zero > filled; echo lost; true',
      'rm filled; echo kept',
    );
    expect(stdout.split('\n')).toEqual(['0 2000000', 'ENOSPC', 'ENOSPC', '0 5', '']);
  });
});
