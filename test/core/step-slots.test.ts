import { describe, expect, test } from 'vitest';
import { SmallMesh } from '../sim/small-mesh.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';

describe('the slots of a running peer', () => {
  function working() {
    const mesh = new SmallMesh({ peers: 2, slots: 3 });
    mesh.pass(500);
    const job = { program: scattered(5, 40), accept: 150 };
    const published = mesh.publish(mesh.peer(0), job);
    mesh.until('all are busy', () => mesh.peers.every((peer) => peer.executors.busy === 3));
    return { mesh, peer: mesh.peer(0), other: mesh.peer(1), ...published };
  }

  test('may be fewer: what is beyond them ends, and the others hear of it', () => {
    const { mesh, peer, other, id, question } = working();
    peer.dispatch({ kind: 'slots', slots: 1 });
    mesh.pass(500);
    expect(peer.executors.busy).toBe(1);
    expect(other.state?.roster.get(peer.id)?.register.slots).toBe(1);
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
  });

  test('may be none, and more again', () => {
    const { mesh, peer, id, question } = working();
    peer.dispatch({ kind: 'slots', slots: 0 });
    mesh.pass(3000);
    expect([peer.executors.busy, peer.state?.leases]).toEqual([0, []]);
    expect(mesh.job(peer, id)?.active).toBe(true);
    peer.dispatch({ kind: 'slots', slots: 2 });
    mesh.until('it works again', () => peer.executors.busy === 2);
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
  });
});
