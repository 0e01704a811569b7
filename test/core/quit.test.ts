import { describe, expect, test } from 'vitest';
import type { PeerId } from '../../src/core/ids.ts';
import type { Message } from '../../src/core/message.ts';
import { SmallMesh } from '../sim/small-mesh.ts';
import type { Machine } from '../sim/world/machine.ts';
import type { Observer } from '../sim/world/world.ts';

type Quit = Extract<Message, { kind: 'quit' }>;

/** A mesh whose requests to end are noted as they are sent, and who was told to end by whom. */
function noting(peers: number) {
  const quits: Quit[] = [];
  const ways: string[] = [];
  const ends: [told: PeerId, by: PeerId][] = [];
  const stepped: Observer['stepped'] = ({ id }, _, effects) => {
    for (const effect of effects) {
      if (effect.kind === 'quit') ends.push([id, effect.by]);
      else if (effect.kind === 'send' && effect.message.kind === 'quit') {
        quits.push(effect.message);
        ways.push(`${id} ${effect.to}`);
      }
    }
  };
  const mesh = new SmallMesh({ peers, observers: [{ stepped }] });
  const endsOf = (peer: Machine): PeerId[] =>
    ends.filter(([told]) => told === peer.id).map(([, by]) => by);
  return { mesh, quits, ways, endsOf };
}

/** A request that a small mesh sent. */
function noted(quits: readonly Quit[]): Quit {
  const [quit] = quits;
  if (quit === undefined) throw new Error('nobody was asked');
  return quit;
}

describe('a request to end', () => {
  test('reaches every peer, also those that no stream leads to from its author', () => {
    const { mesh, endsOf } = noting(4);
    // A chain: each has streams to its neighbours alone.
    for (const [k, a] of mesh.peers.entries()) {
      for (const b of mesh.peers.slice(k + 2)) mesh.network.unlink(a, b);
    }
    mesh.pass(3000);
    mesh.peer(0).dispatch({ kind: 'quit' });
    mesh.pass(500);
    expect(mesh.peers.map(endsOf)).toEqual(mesh.peers.map(() => [mesh.peer(0).id]));
  });

  test('is passed on once by each peer', () => {
    const { mesh, ways, endsOf } = noting(4);
    mesh.pass(3000);
    mesh.peer(0).dispatch({ kind: 'quit' });
    mesh.pass(5000);
    expect(ways.length).toBeGreaterThan(3);
    expect(new Set(ways).size).toBe(ways.length);
    for (const peer of mesh.peers) expect(endsOf(peer)).toHaveLength(1);
  });

  test('does not concern a peer that was off, nor one that starts again, however late it comes', () => {
    const { mesh, quits, endsOf } = noting(3);
    mesh.pass(3000);
    mesh.kill(mesh.peer(2));
    mesh.pass(9000);
    mesh.peer(0).dispatch({ kind: 'quit' });
    mesh.pass(500);
    const message = noted(quits);
    expect(message.starts.map(([peer]) => peer)).not.toContain(mesh.peer(2).id);
    mesh.kill(mesh.peer(1));
    for (const k of [1, 2]) mesh.start(mesh.peer(k));
    mesh.pass(3000);
    for (const k of [1, 2]) {
      const before = endsOf(mesh.peer(k));
      mesh.peer(k).dispatch({ kind: 'message', from: mesh.peer(0).id, message });
      expect(endsOf(mesh.peer(k))).toEqual(before);
    }
  });

  test('of somebody else’s hand, altered, or by a removed peer ends nobody', () => {
    const { mesh, quits, endsOf } = noting(3);
    mesh.pass(3000);
    mesh.network.swallowed.add('quit');
    mesh.peer(0).dispatch({ kind: 'quit' });
    const message = noted(quits);
    const last = mesh.peer(2);
    const take = (quit: Quit): void => {
      last.dispatch({ kind: 'message', from: mesh.peer(1).id, message: quit });
    };
    take({ ...message, author: mesh.peer(1).id });
    take({ ...message, starts: message.starts.slice(1) });
    mesh.ask(mesh.peer(1), (request) => ({ kind: 'remove', request, peer: mesh.peer(0).id }));
    mesh.until('word of the removal', () => last.state?.removed.has(mesh.peer(0).id) === true);
    take(message);
    expect(endsOf(last)).toEqual([]);
    mesh.peer(1).dispatch({ kind: 'quit' });
    take(noted(quits.slice(-1)));
    expect(endsOf(last)).toEqual([mesh.peer(1).id]);
  });
});
