import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Gate } from '../../src/net/gate.ts';
import { type Identity, identityOf } from '../../src/net/identity.ts';
import { createMeshSecret } from '../../src/net/mesh-secret.ts';
import { decodeOffer, encodeOffer, sealOffer } from '../../src/net/secret-offer.ts';
import {
  type OfferedSecret,
  ringOf,
  type SecretRing,
  TRANSITION_MS,
  withSecret,
} from '../../src/net/secret-ring.ts';
import { Libp2pPeers, soon, type TestPeer } from './libp2p-peers.ts';

let peers: Libp2pPeers;
let fresh: Uint8Array;
beforeEach(() => {
  peers = new Libp2pPeers();
  fresh = createMeshSecret();
});
afterEach(async () => await peers.close());

/** The new secret, made by the first of its members. */
function offer(...members: readonly [TestPeer, ...TestPeer[]]): OfferedSecret {
  return sealedBy(
    members[0].identity,
    members.map(({ network }) => network.self),
  );
}

function sealedBy(
  { peer, sign }: Identity,
  members: readonly string[],
  secret = fresh,
  generation = 1,
): OfferedSecret {
  return sealOffer(ringOf(peers.secret).mesh, { generation, secret, members }, peer, sign);
}

/** A ring with the new secret alone. */
function newOnly(): SecretRing {
  return ringOf(fresh, ringOf(peers.secret).mesh, 1);
}

/** A peer with both secrets, who expects a member with the old one alone. */
async function withBoth(): Promise<{ both: TestPeer; old: TestPeer }> {
  const old = await peers.start();
  const identity = identityOf(generateKeyPairSync('ed25519').privateKey);
  const offered = sealedBy(identity, [old.network.self]);
  const ring = withSecret(ringOf(peers.secret), offered, Date.now());
  return { both: await peers.start({ identity, ring }), old };
}

async function connect(from: TestPeer, to: TestPeer): Promise<void> {
  await from.network.join(to.network.addresses().slice(0, 1), soon());
}

async function refusal(from: TestPeer, to: TestPeer): Promise<string> {
  const failed = await connect(from, to).then(
    () => 'it was let in',
    (error: unknown) => String(error),
  );
  expect(to.told.ups).not.toContain(from.network.self);
  return failed;
}

/** Resolves once a gate satisfies a condition. */
async function until({ gate }: TestPeer, condition: (gate: Gate) => boolean): Promise<void> {
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (!condition(gate)) return;
      unwatch();
      resolve();
    };
    const unwatch = gate.watch(look);
    look();
  });
}

function hasFresh({ ring }: Gate): boolean {
  return Buffer.from(ring.current.secret).equals(fresh);
}

describe('a rotation', () => {
  test('reaches every member that it names, from neighbour to neighbour', async () => {
    const mesh = await Promise.all([peers.start(), peers.start(), peers.start()]);
    const [a, b, c] = mesh;
    await connect(b, a);
    await connect(c, b);
    await a.gate.take(offer(...mesh));
    await Promise.all(mesh.map((peer) => until(peer, hasFresh)));
    // Nobody was cut off for it, and nobody looks dead.
    expect(mesh.flatMap(({ told }) => [...told.downs, ...told.refusals])).toEqual([]);
  });

  test('drops the old secret once every member has the new one', async () => {
    const mesh = await Promise.all([peers.start(), peers.start()]);
    const [a, b] = mesh;
    await connect(b, a);
    await a.gate.take(offer(a, b));
    await Promise.all(mesh.map((peer) => until(peer, ({ ring }) => ring.former.length === 0)));
    expect(await refusal(await peers.start(), a)).toContain('refused the mesh secret');
    await connect(await peers.start({ ring: newOnly() }), a);
  });

  test('is not told to whom it does not name: that one is cut off and let in no more', async () => {
    const [a, b, stranger] = await Promise.all([peers.start(), peers.start(), peers.start()]);
    await connect(b, a);
    await connect(stranger, a);
    await connect(stranger, b);
    const gone = stranger.told.until(({ downs }) => downs.length >= 2);
    await a.gate.take(offer(a, b));
    await gone;
    expect(hasFresh(stranger.gate)).toBe(false);
    expect(stranger.told.downs.every(({ reset }) => !reset)).toBe(true);
  });

  test('in two places at once ends in the same secret everywhere', async () => {
    const mesh = await Promise.all([peers.start(), peers.start(), peers.start()]);
    const [a, b, c] = mesh;
    await connect(b, a);
    await connect(c, b);
    await Promise.all([
      a.gate.take(offer(...mesh)),
      c.gate.rotate(mesh.map(({ network }) => network.self)),
    ]);
    const same = (): boolean => new Set(mesh.map(({ gate }) => gate.current.keyId)).size === 1;
    await Promise.all(mesh.map((peer) => until(peer, same)));
    expect(mesh.map(({ gate }) => gate.ring.current.generation)).toEqual([1, 1, 1]);
  });

  test('is told to a member that connects later with the old secret', async () => {
    const mesh = await withBoth();
    await connect(mesh.old, mesh.both);
    await until(mesh.old, hasFresh);
  });
});

describe('while a rotation is under way', () => {
  test('a peer with both secrets reaches one with the old and one with the new alone', async () => {
    const mesh = await withBoth();
    await connect(mesh.both, mesh.old);
    await connect(mesh.both, await peers.start({ ring: newOnly() }));
  });

  test('a peer with both secrets is reached by one with the new alone', async () => {
    const mesh = await withBoth();
    await connect(await peers.start({ ring: newOnly() }), mesh.both);
  });

  test('one with the old and one with the new secret alone do not meet', async () => {
    const [old, late] = await Promise.all([peers.start(), peers.start({ ring: newOnly() })]);
    expect(await refusal(old, late)).toContain('refused the mesh secret');
    expect(await refusal(late, old)).toContain('refused the mesh secret');
  });

  test('the old secret opens nothing under a name that is new', async () => {
    const mesh = await withBoth();
    const renamed = await peers.start();
    expect(await refusal(renamed, mesh.both)).toContain('another mesh secret since a rotation');
    expect(renamed.gate.refusal).toBe('left-behind');
    expect(hasFresh(renamed.gate)).toBe(false);
  });

  test('a stranger with neither secret is refused', async () => {
    const mesh = await withBoth();
    const stranger = await peers.start({ secret: createMeshSecret() });
    expect(await refusal(stranger, mesh.both)).toContain('refused the mesh secret');
  });
});

describe('a removed peer', () => {
  test('is cut off without looking dead, and not let in with its key and the secret', async () => {
    const [a, b] = await Promise.all([peers.start(), peers.start()]);
    await connect(b, a);
    const down = b.told.until(({ downs }) => downs.length > 0);
    a.gate.deny(b.network.self);
    await down;
    expect(b.told.downs).toEqual([{ peer: a.network.self, reset: false }]);
    await b.network.close();
    const again = await peers.start({ identity: b.identity });
    const failed = await connect(again, a).then(String, String);
    expect(failed).toContain('removed this machine from the mesh');
    expect(again.gate.refusal).toBe('removed');
    expect(a.network.connections()).toEqual([]);
  });

  test('is not dialed, and not let in where it is dialed all the same', async () => {
    const [a, b] = await Promise.all([peers.start(), peers.start()]);
    a.gate.deny(b.network.self);
    await expect(connect(a, b)).rejects.toMatchObject({ code: 'MESH_NO_BOOTSTRAP' });
    expect(a.told.ups).toEqual([]);
  });
});

describe('a gate', () => {
  let author: Identity;
  let self: string;
  beforeEach(async () => {
    author = identityOf(generateKeyPairSync('ed25519').privateKey);
    self = author.peer;
  });

  test('takes a secret only once it is kept', async () => {
    const keep = (): Promise<void> => Promise.reject(new Error('the disk is full'));
    const gate = new Gate(self, ringOf(peers.secret), { keep });
    await expect(gate.take(sealedBy(author, []))).rejects.toThrow('full');
    expect(hasFresh(gate)).toBe(false);
  });

  test('keeps its ring as it is then, when it is asked to while it changes', async () => {
    const kept: number[] = [];
    const keep = async ({ current }: SecretRing): Promise<void> => {
      await Promise.resolve();
      kept.push(current.generation);
    };
    const gate = new Gate(self, ringOf(peers.secret), { keep });
    const taken = gate.take(sealedBy(author, []));
    await Promise.all([gate.persist(), taken]);
    expect(kept).toEqual([1, 1]);
  });

  test('never goes back to a lower secret', async () => {
    const gate = new Gate(self, ringOf(fresh, ringOf(peers.secret).mesh, 2));
    expect(await gate.take(sealedBy(author, [], peers.secret))).toBe('lower');
    expect(await gate.take(sealedBy(author, [], fresh, 2))).toBe('equal');
    expect(hasFresh(gate)).toBe(true);
  });

  test('forgets the old secret after a day, whoever has not come', async () => {
    let wallMs = 0;
    const gate = new Gate(self, ringOf(peers.secret), { wallMs: () => wallMs });
    const old = gate.current.keyId;
    await gate.take(sealedBy(author, [self, 'late']));
    expect(gate.judge('late', old)).toBe('admitted');
    wallMs = TRANSITION_MS;
    await gate.settle();
    expect(gate.keys).toHaveLength(1);
    expect(gate.judge('late', old)).toBe('left-behind');
  });

  test('lets a member in by the first secret for a day, however often it rotates', async () => {
    let wallMs = 0;
    const { sign } = author;
    const gate = new Gate(self, ringOf(peers.secret), { sign, wallMs: () => wallMs });
    const old = gate.current.keyId;
    for (let hour = 0; hour < 23; hour++) {
      wallMs = hour * 3_600_000;
      await gate.rotate(['late']);
    }
    expect(gate.judge('late', old)).toBe('admitted');
    expect(gate.keys.map(({ keyId }) => keyId)).toContain(old);
  });

  test('refuses a removed peer with any secret, and tells it none', async () => {
    const gate = new Gate(self, ringOf(peers.secret));
    const old = gate.current.keyId;
    await gate.take(sealedBy(author, [self, 'gone']));
    expect(gate.isToBeTold('gone')).toBe(true);
    gate.deny('gone');
    expect([gate.judge('gone', old), gate.judge('gone', gate.current.keyId)]).toEqual([
      ...['removed', 'removed'],
    ]);
    expect([gate.isToBeTold('gone'), gate.mayStay('gone')]).toEqual([false, false]);
  });

  test('names nobody who is removed, or being removed, in a secret that it makes', async () => {
    const gate = new Gate(self, ringOf(peers.secret), { sign: author.sign });
    gate.deny('gone');
    await gate.beginRemoval('going');
    expect(gate.ring.removing).toEqual(['going']);
    await gate.rotate(['one', 'gone', 'going']);
    expect(gate.ring.current.members).toEqual([self, 'one']);
    expect(gate.ring.removing).toEqual([]);
  });
});

test('a secret frame of another form is refused', async () => {
  const author = identityOf(generateKeyPairSync('ed25519').privateKey);
  const offered = sealedBy(author, ['one', 'two'], fresh, 3);
  const body = (changed: object): Uint8Array =>
    encodeOffer({ ...offered, ...changed }) ?? new Uint8Array();
  expect(decodeOffer(body({}))).toEqual(offered);
  expect(decodeOffer(body({}).subarray(1))).toBeNull();
  expect(decodeOffer(body({ secret: fresh.subarray(1) }))).toBeNull();
  expect(decodeOffer(body({ generation: -1 }))).toBeNull();
  expect(encodeOffer({ ...offered, seal: null })).toBeNull();
});
