import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startPeer } from './built.ts';
import { Lab } from './lab.ts';

test('a peer whose home is removed ends instead of promising in vain', async () => {
  const home = await mkdtemp(join(tmpdir(), 'meshd-home-'));
  const peer = await startPeer({ home, network: 'solo', slots: 0 });
  await rm(home, { recursive: true });
  expect(await peer.ended).toBe('halted');
});

test('settings of a wrong form are passed over', async () => {
  const home = await mkdtemp(join(tmpdir(), 'meshd-home-'));
  for (const text of ['null', '{"listen":"x","announce":{},"name":5}', 'no JSON']) {
    await writeFile(join(home, 'peer.json'), text);
    const peer = await startPeer({ home, network: 'solo', slots: 0 });
    expect((await peer.mesh.status()).name).not.toBe('');
    await peer.close();
  }
  await rm(home, { recursive: true });
});

test('a join that reaches nobody and is not to wait leaves no home behind, and exits 3', async () => {
  await using lab = await Lab.open();
  const a = await lab.start('a');
  const { invite } = await a.ready;
  await a.kill();
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0'];
  const { code, stderr } = await lab.run('b', 'join', invite, '--no-wait', ...listen);
  expect(code).toBe(3);
  expect(stderr).toContain('127.0.0.1');
  expect((await lab.run('b', 'jobs')).stderr).toContain('no peer runs');
});

test('port 0 is a free port chosen once and used again after a restart', async () => {
  await using lab = await Lab.open();
  const first = await lab.start('a');
  const { addresses } = await first.ready;
  await first.kill();
  const again = await lab.start('a');
  expect((await again.ready).addresses).toEqual(addresses);
});

test('user code has none of the peer’s database files open', async () => {
  const home = await mkdtemp(join(tmpdir(), 'meshd-home-'));
  const peer = await startPeer({ home, network: 'solo', slots: 1 });
  const job = await peer.mesh.publish({ fn: 'test/e2e/functions/files.js', accept: 1 });
  const lines: unknown[] = [];
  for await (const line of job.results()) lines.push(line);
  expect(lines).toEqual([{ index: 0, value: [] }]);
  await peer.close();
  await rm(home, { recursive: true });
});
