import { generateKeyPairSync } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { Gate } from '../../src/net/gate.ts';
import { type Identity, identityOf } from '../../src/net/identity.ts';
import { createMeshSecret } from '../../src/net/mesh-secret.ts';
import { sealOffer } from '../../src/net/secret-offer.ts';
import { type OfferedSecret, ringOf } from '../../src/net/secret-ring.ts';

const FIRST = ringOf(createMeshSecret());

let self: Identity;
let other: Identity;
let removed: Identity;
let gate: Gate;
beforeEach(async () => {
  [self, other, removed] = await Promise.all([identity(), identity(), identity()]);
  gate = gateOf(self);
});

async function identity(): Promise<Identity> {
  return identityOf(generateKeyPairSync('ed25519').privateKey);
}

/** The gate of a peer with the first secret that was connected to all. */
function gateOf({ peer, sign }: Identity): Gate {
  const made = new Gate(peer, FIRST, { sign });
  made.meet([self.peer, other.peer, removed.peer]);
  return made;
}

function offer({ peer, sign }: Identity, generation = 1, mesh = FIRST.mesh): OfferedSecret {
  const members = [self.peer, other.peer];
  return sealOffer(mesh, { generation, secret: createMeshSecret(), members }, peer, sign);
}

describe('an offered secret is refused', () => {
  test('when anything in it was changed on the way', async () => {
    const offered = offer(other);
    const changes = [
      { members: [...offered.members, removed.peer] },
      { generation: 2 },
      { secret: createMeshSecret() },
      { seal: offered.seal && { ...offered.seal, author: removed.peer } },
      { seal: null },
    ];
    for (const change of changes) {
      expect(await gate.take({ ...offered, ...change })).toBe('refused');
    }
    expect(await gate.take(offered)).toBe('taken');
  });

  test('when it was made for another mesh', async () => {
    expect(await gate.take(offer(other, 1, 'another mesh'))).toBe('refused');
  });

  test('when its author is a peer that this one never met', async () => {
    expect(await gate.take(offer(await identity()))).toBe('refused');
  });

  test('when its author was removed', async () => {
    gate.deny(removed.peer);
    expect(await gate.take(offer(removed))).toBe('refused');
  });

  test('when it leaps far ahead, so that rotations can go on', async () => {
    expect(await gate.take(offer(other, 2 ** 32))).toBe('refused');
    expect(await gate.take(offer(other, 65))).toBe('refused');
    expect(await gate.take(offer(other, 64))).toBe('taken');
  });
});

describe('a machine that took the secret of a removed one, of which it had not heard', () => {
  test('takes that of the others once it hears of the removal', async () => {
    const misled = gate;
    const sound = gateOf(other);
    sound.deny(removed.peer);
    await sound.rotate([self.peer]);
    const forged = offer(removed, 64);
    expect(await misled.take(forged)).toBe('taken');
    expect(await sound.take(forged)).toBe('refused');
    expect(await misled.take(sound.ring.current)).toBe('lower');
    misled.deny(removed.peer);
    expect(await misled.take(sound.ring.current)).toBe('taken');
    await sound.rotate([self.peer]);
    expect(await misled.take(sound.ring.current)).toBe('taken');
  });

  test('goes back to the secret before it, and to none before that', async () => {
    const older = offer(other);
    await gate.take(older);
    const sound = offer(other, 2);
    await gate.take(sound);
    await gate.take(offer(removed, 66));
    gate.deny(removed.peer);
    expect(await gate.take(older)).toBe('lower');
    expect(await gate.take(sound)).toBe('taken');
  });

  test('makes its own next secret above the last sound one', async () => {
    await gate.take(offer(removed, 64));
    gate.deny(removed.peer);
    await gate.rotate([other.peer]);
    expect(gate.ring.current.generation).toBe(1);
  });
});
