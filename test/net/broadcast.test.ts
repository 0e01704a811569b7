import { expect, test } from 'vitest';
import type { GossipMessage } from '../../src/core/message.ts';
import { Broadcast, FULL_MESH_MEMBERS } from '../../src/net/broadcast.ts';

const ANNOUNCE: GossipMessage = { kind: 'announce', groups: [] };

const HEARTBEAT: GossipMessage = {
  kind: 'heartbeat',
  register: {
    ...{ peer: '12D3KooWFkPvmCXLLTHPZfGWwcBwDkWFbSMWTCoTmuGNHFe7yxqR', name: 'a', version: '0' },
    start: { incarnation: 1, nonce: '0'.repeat(16) },
    ...{
      sequence: 1,
      slots: 1,
      mathClass: '00',
      addresses: [],
      tags: [],
      refuses: [],
      heartbeatMs: 1000,
    },
    ...{ leaving: false, stores: true, load: null, leases: [] },
  },
  fresh: [],
};

/** A broadcast to so many links in a mesh of so many members, and all that it sent. */
function broadcastTo(links: number, members: number, isWhole: boolean) {
  const mesh = { nowMs: 0, isWhole, frames: 0, gossiped: [] as ('widely' | 'narrowly')[] };
  const link = {
    send(): boolean {
      mesh.frames += 1;
      return true;
    },
  };
  const broadcast = new Broadcast({
    links: () => Array.from({ length: links }, () => link),
    members: () => members,
    isWhole: () => mesh.isWhole,
    gossip: (_body, widely) => void mesh.gossiped.push(widely ? 'widely' : 'narrowly'),
    nowMs: () => mesh.nowMs,
  });
  return { mesh, broadcast };
}

test('where all are connected to all, a message goes once over each stream and not by gossip', () => {
  const { mesh, broadcast } = broadcastTo(FULL_MESH_MEMBERS - 1, FULL_MESH_MEMBERS - 1, true);
  broadcast.send(HEARTBEAT);
  broadcast.send(ANNOUNCE);
  expect(mesh).toMatchObject({ frames: 2 * (FULL_MESH_MEMBERS - 1), gossiped: [] });
});

test('while they still connect, gossip carries a heartbeat in two and a half intervals to a few', () => {
  const { mesh, broadcast } = broadcastTo(3, 24, false);
  for (mesh.nowMs = 0; mesh.nowMs < 10_000; mesh.nowMs += 250) broadcast.send(HEARTBEAT);
  expect(mesh.frames).toBe(3 * 40);
  expect(mesh.gossiped).toEqual(Array.from({ length: 4 }, () => 'narrowly'));
});

test('in a small mesh gossip carries each heartbeat to whoever is beyond the connected ones', () => {
  const { mesh, broadcast } = broadcastTo(3, 12, false);
  for (let k = 0; k < 5; k++) broadcast.send(HEARTBEAT);
  expect(mesh).toMatchObject({ frames: 15, gossiped: { length: 5 } });
});

test('an announcement is never left out: it is made once', () => {
  const { mesh, broadcast } = broadcastTo(3, 24, false);
  for (let k = 0; k < 3; k++) broadcast.send(ANNOUNCE);
  expect(mesh.gossiped).toEqual(['narrowly', 'narrowly', 'narrowly']);
});

test('in a mesh too big for all to be connected, gossip carries everything, widely', () => {
  const { mesh, broadcast } = broadcastTo(16, FULL_MESH_MEMBERS + 1, false);
  broadcast.send(HEARTBEAT);
  broadcast.send(HEARTBEAT);
  expect(mesh).toMatchObject({ frames: 0, gossiped: ['widely', 'widely'] });
});

test('a newcomer in a big mesh also tells the few that it is connected to', () => {
  const { mesh, broadcast } = broadcastTo(2, FULL_MESH_MEMBERS + 1, false);
  broadcast.send(HEARTBEAT);
  expect(mesh).toMatchObject({ frames: 2, gossiped: ['widely'] });
});
