import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Command, childrenOf, executorsOf, Lab, poll } from './lab.ts';

const LOCAL = ['--listen', '/ip4/127.0.0.1/tcp/0', '--slots', '1'];
const TRACED = 'test/e2e/functions/traced.js';

describe('join where nobody answers', () => {
  test('says so and goes on trying; it is in when a member is there', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    const { invite } = await a.ready;
    await a.kill();
    const b = lab.command('b', 'join', invite, ...LOCAL, '--json');
    await b.until(({ stderr }) => stderr.includes('"event":"waiting"'));
    expect(b.stdout).toBe('');
    await lab.restart('a');
    await b.until(({ stdout }) => stdout.includes('"event":"ready"'));
    await lab.sees('a', 2);
  });

  test('ends at a signal, and leaves no home behind', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    const { invite } = await a.ready;
    await a.kill();
    const b = lab.command('b', 'join', invite, ...LOCAL);
    await b.until(({ stderr }) => stderr.startsWith('waiting for the mesh: '));
    b.kill('SIGTERM');
    expect((await b.done).code).toBe(0);
    expect(existsSync(lab.home('b'))).toBe(false);
  });

  test('ends with 3 when the time of --for is over', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    const { invite } = await a.ready;
    await a.kill();
    const { code, stderr } = await lab.run('b', 'join', invite, ...LOCAL, '--for', '6s');
    expect(code).toBe(3);
    expect(stderr).toContain('no bootstrap could be joined');
  });
});

describe('a home that has joined before', () => {
  test('needs no address, and an invite of a machine that is gone does no harm', async () => {
    await using lab = await Lab.open();
    const [a, , c] = await lab.three();
    const { invite } = await a.ready;
    await Promise.all([a.kill(), c.kill()]);
    const again = lab.command('c', 'join', invite, '--slots', '1', '--json', '--no-wait');
    await again.until(({ stdout }) => stdout.includes('"event":"ready"'));
    await lab.sees('c', 2);
  });

  test('and finds no other is ready all the same, or with --no-wait exits 3', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    const b = await lab.join('b', [a]);
    await lab.sees('b', 2);
    await Promise.all([a.kill(), b.kill()]);
    const refused = lab.run('b', 'join', '--no-wait');
    expect(await refused).toMatchObject({ code: 3, stdout: '' });
    expect((await refused).stderr).toContain('no member known from before answers');
    const alone = await lab.restart('b');
    await alone.command.until(({ stderr }) => stderr.includes('"event":"waiting"'));
  });
});

describe('the invite', () => {
  test('is taken from a file, from stdin, and from MESHD_INVITE', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    const { invite } = await a.ready;
    const file = join(lab.folder, 'invite.txt');
    writeFileSync(file, `${invite}\n`);
    const ready = ({ stdout }: Command): boolean => stdout.includes('"event":"ready"');
    const b = lab.command('b', 'join', '--invite-file', file, ...LOCAL, '--json');
    await b.until(ready);
    const site = { prefix: [], options: [], env: { MESHD_INVITE: invite } };
    const c = new Command(['join', ...LOCAL, '--json'], lab.home('c'), site);
    const shell = { prefix: ['sh', '-c', `exec "$@" < "${file}"`, 'sh'], options: [], env: {} };
    const d = new Command(['join', '-', ...LOCAL, '--json'], lab.home('d'), shell);
    try {
      await Promise.all([c.until(ready), d.until(ready)]);
      await lab.sees('a', 4);
    } finally {
      c.kill('SIGKILL');
      d.kill('SIGKILL');
    }
  });

  test('is in no command line and no log, and user code does not see it', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    const { invite } = await a.ready;
    const secret = readFileSync(join(a.home, 'mesh'), 'utf8');
    const env = { MESHD_INVITE: invite, MESHD_LOG: 'debug' };
    const b = new Command(['join', ...LOCAL], lab.home('b'), { prefix: [], options: [], env });
    try {
      const params = JSON.stringify({ ms: 60_000 });
      const published = await lab.publish('a', TRACED, '--accept', '1', '--params', params);
      await published.job();
      const pid = b.child.pid ?? 0;
      const read = (of: number, what: string): string =>
        readFileSync(`/proc/${of}/${what}`, 'utf8');
      await poll('b has an executor', async () => (await executorsOf(pid)).length > 0);
      const [children, executors] = [await childrenOf(pid), await executorsOf(pid)];
      for (const each of [pid, ...children]) expectNone(read(each, 'cmdline'), [invite, secret]);
      for (const each of executors) expectNone(read(each, 'environ'), [invite, secret]);
      expectNone(b.stdout + b.stderr, [invite, secret]);
      expect(b.stdout).toContain('meshd invite');
    } finally {
      b.kill('SIGKILL');
      await b.done;
    }
  });
});

/** Says that a text has none of these secrets, whole or in part. */
function expectNone(text: string, secrets: readonly string[]): void {
  expect(text.length).toBeGreaterThan(0);
  for (const secret of secrets) {
    // Part of an invite are addresses that are told to everybody; a secret's first line is it all.
    for (const part of secret.match(/[A-Za-z0-9_-]{24}/g) ?? []) expect(text).not.toContain(part);
  }
}
