import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { peersTable } from '../../src/cli/peers.ts';
import type { PeerRow } from '../../src/index.ts';
import { runCaptured, startCaptured } from './captured-io.ts';

const row: PeerRow = {
  ...{ peer: '12D3KooWaaaaaaaaaaaaaaaaaa', name: 'desk', self: true, state: 'alive' },
  ...{ via: 'self', relay: null, rttMs: 0, slots: 4, busy: 1, idle: 3, tags: [], load: 1.234 },
  ...{ version: '1.0.0', mathClass: 'ab', addresses: [], startedAt: 1.7e12 },
};
const relay: PeerRow = {
  ...row,
  ...{ peer: '12D3KooWbbbbbbbbbbbbbbbbbb', name: 'hub', self: false, load: null },
  ...{ via: 'direct', rttMs: 2.34, busy: 4, idle: 0 },
};
const relayed: PeerRow = {
  ...relay,
  ...{ peer: '12D3KooWcccccccccccccccccc', name: 'node', via: 'relay', relay: relay.peer },
};

test('the table says by which relay a peer is connected, and what is free', () => {
  const stranger = { ...relayed, name: 'far', relay: '12D3KooWdddddddddddddddddd' };
  const all = [row, relay, relayed, stranger];
  const lines = peersTable(all, all).split('\n');
  expect(lines[0]).toMatch(/^NAME +PEER +STATE +VIA +RTT +BUSY +IDLE +LOAD +VERSION$/);
  expect(lines[1]).toMatch(/^desk \(this\) .* self +0\.0 ms +1\/4 +3 +1\.23 +1\.0\.0$/);
  expect(lines[2]).toMatch(/^hub .* direct +2\.3 ms +4\/4 +0 +1\.0\.0$/);
  expect(lines[3]).toMatch(/^node .* relay hub +2\.3 ms/);
  expect(lines[4]).toMatch(/^far .* relay 12D3KooWdddddddd +2\.3 ms/);
});

test('--idle leaves out peers without a free slot; the load of another machine is told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'meshd-peers-'));
  const homes = [join(folder, 'a'), join(folder, 'b')] as const;
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0', '--json'];
  const a = startCaptured(['start', '--home', homes[0], '--slots', '0', ...listen]);
  const { invite } = JSON.parse(await a.prints('\n')) as { invite: string };
  const b = startCaptured(['join', invite, '--home', homes[1], '--slots', '2', ...listen]);
  await b.prints('\n');
  await expect
    .poll(async () => (await runCaptured(['peers', '--home', homes[0]])).stdout.split('\n').length)
    .toBe(4);
  const { stdout } = await runCaptured(['peers', '--idle', '--json', '--home', homes[0]]);
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as PeerRow);
  expect(rows.map(({ self, idle }) => [self, idle])).toEqual([[false, 2]]);
  if (process.platform !== 'win32') expect(rows[0]?.load).toBeTypeOf('number');
  a.interrupt();
  b.interrupt();
  await Promise.all([a.done, b.done]);
  rmSync(folder, { recursive: true, force: true });
});
