import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { ENTRY } from './built.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-output-'));
const home = join(folder, 'home');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a line of the shell in which $MESHD is the command; its exit code and stderr. */
async function shell(line: string): Promise<{ code: number; stderr: string }> {
  const env = { ...process.env, MESHD: `${process.execPath} ${ENTRY}`, MESHD_HOME: home };
  try {
    const { stderr } = await promisify(execFile)('sh', ['-c', line], { env });
    return { code: 0, stderr };
  } catch (error) {
    const { code, stderr } = error as { code: number; stderr: string };
    return { code, stderr };
  }
}

test('a file that stdout is appended to keeps what it has when --out names stdout', async () => {
  const file = join(folder, 'kept.txt');
  writeFileSync(file, 'before\n');
  const publish = '$MESHD publish examples/pi.js --accept 3 --out /dev/stdout';
  expect((await shell(`${publish} >> ${file}`)).code).toBe(0);
  const [first, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  expect(first).toBe('before');
  expect(lines.map((line) => Object.keys(JSON.parse(line)))).toEqual([
    ...Array.from({ length: 3 }, () => ['index', 'value']),
  ]);
});

test.runIf(process.platform === 'linux')(
  'a full disk under stdout is told, and exit 1',
  async () => {
    const { code, stderr } = await shell('$MESHD --version > /dev/full');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^stdout: .*ENOSPC/)]);
  },
);

test('a signal that opens Node’s debugger opens nothing', async () => {
  const env = { ...process.env, MESHD_HOME: join(folder, 'signalled') };
  const argv = [ENTRY, 'start', '--json', '--slots', '0', '--listen', '/ip4/127.0.0.1/tcp/0'];
  const peer = spawn(process.execPath, argv, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  peer.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  await once(peer.stdout, 'data');
  peer.kill('SIGUSR1');
  peer.kill('SIGTERM');
  expect((await once(peer, 'close'))[0]).toBe(0);
  expect(stderr).not.toMatch(/Debugger/);
});
