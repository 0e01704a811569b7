import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { newPeerState, type PeerState } from '../../src/core/peer-state.ts';
import { DEFAULT_TIMING } from '../../src/core/timing.ts';
import { Gate } from '../../src/net/gate.ts';
import { type Identity, identityOf } from '../../src/net/identity.ts';
import { createMeshSecret } from '../../src/net/mesh-secret.ts';
import { ringOf, type SecretRing } from '../../src/net/secret-ring.ts';
import { LocalAdmission } from '../../src/node/admission/admission.ts';
import { Home } from '../../src/node/home.ts';
import type { Loop } from '../../src/node/loop.ts';

const FIRST = ringOf(createMeshSecret());
const DAY = 86_400_000;

let folder: string;
let home: Home;
let self: Identity;
let gone: string;
let state: PeerState;
let admission: LocalAdmission | null;
/** Records written, and whether that fails. */
let written: string[];
let isFull: boolean;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshd-admission-'));
  home = await Home.open(folder);
  self = await identity();
  gone = (await identity()).peer;
  const me = { peer: self.peer, name: 'me', version: '1', slots: 1, mathClass: '00000000' };
  state = newPeerState(me, { incarnation: 1, nonce: '0'.repeat(16) }, DEFAULT_TIMING);
  written = [];
  isFull = false;
  admission = null;
});
afterEach(async () => {
  admission?.close();
  await rm(folder, { recursive: true, force: true });
});

async function identity(): Promise<Identity> {
  return identityOf(generateKeyPairSync('ed25519').privateKey);
}

/** A loop that writes removals and does nothing else. */
function loopOf(gate: Gate): Loop {
  const request: Loop['request'] = async (make) => {
    const event = make(1);
    if (isFull) throw new Error('the disk is full');
    if (event.kind !== 'remove') throw new Error(`not expected: ${event.kind}`);
    written.push(event.peer);
    state.removed.set(event.peer, new Set([self.peer]));
    gate.deny(event.peer);
    return { kind: 'removed' };
  };
  const journal = { flush: () => Promise.resolve() };
  const dispatch = (): void => undefined;
  const loop = { state, request, journal, dispatch, now: () => 0, memberIds: ['remembered'] };
  return loop as unknown as Loop;
}

function start(ring: SecretRing, met: ReadonlyMap<string, number> = new Map()): Gate {
  const keep = (changed: SecretRing): Promise<void> => home.enter(changed);
  const gate = new Gate(self.peer, ring, { sign: self.sign, keep, met });
  admission = new LocalAdmission({ home, loop: loopOf(gate), gate, log: () => undefined });
  return gate;
}

describe('a removal', () => {
  test('makes a secret that does not name the removed peer', async () => {
    const gate = start(FIRST, new Map([[gone, Date.now()]]));
    const told = await admission?.remove(gone, { force: true });
    expect(told).toMatchObject({ peer: gone, rotated: true, generation: 1, waiting: [] });
    expect(gate.ring).toMatchObject({ current: { members: [self.peer] }, removing: [] });
    expect(written).toEqual([gone]);
  });

  test('is on disk before its record, and is finished at the next start', async () => {
    start(FIRST, new Map([[gone, Date.now()]]));
    isFull = true;
    await expect(admission?.remove(gone, { force: true })).rejects.toThrow('full');
    const left = await home.ring();
    expect(left?.removing).toEqual([gone]);
    admission?.close();
    isFull = false;
    const gate = start(left ?? FIRST, new Map([[gone, Date.now()]]));
    await vi.waitFor(() => expect(gate.ring.current.generation).toBe(1));
    expect(gate.ring).toMatchObject({ current: { members: [self.peer] }, removing: [] });
    expect(written).toEqual([gone]);
  });

  test('of this machine itself rotates nothing, and says so', async () => {
    const gate = start(FIRST);
    const told = await admission?.remove(self.peer, { force: true });
    expect(told).toMatchObject({ peer: self.peer, rotated: false, generation: 0 });
    expect(gate.ring).toEqual(FIRST);
  });
});

describe('a rotation', () => {
  test('names whom this machine met within a day, also before its restart, and nobody else', async () => {
    const now = Date.now();
    const gate = start(
      FIRST,
      new Map([
        ['long-ago', now - DAY],
        ['lately', now - DAY + 60_000],
      ]),
    );
    gate.proved('just-now', gate.current.keyId);
    await vi.waitFor(async () => expect([...(await home.met()).keys()]).toContain('just-now'));
    await admission?.rotate();
    expect(gate.ring.current.members).toEqual([self.peer, 'lately', 'just-now']);
  });

  test('names whoever is connected, however long ago it came', async () => {
    const gate = start(FIRST, new Map([['steady', Date.now() - 2 * DAY]]));
    state.connected.add('steady');
    const rotated = admission?.rotate();
    await vi.waitFor(() => expect(gate.ring.current.members).toEqual([self.peer, 'steady']));
    gate.proved('steady', gate.current.keyId);
    await rotated;
  });
});

test('two changes of the trust list at once are both kept', async () => {
  start(FIRST);
  const two = [self.peer, gone];
  await Promise.all(two.map((peer) => admission?.trust({ add: [peer] })));
  expect(await home.trusted()).toEqual(two);
});
