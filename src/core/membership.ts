import type { Computation } from './computation.ts';
import type { PeerId } from './ids.ts';
import type { Register } from './register.ts';
import { type Contender, rendezvousRank } from './rendezvous.ts';
import type { Turn } from './turn.ts';

/** Copies of everything that is acknowledged, where there are so many peers. */
export const HOLDERS = 3;

function fits(register: Register, computation: Computation): boolean {
  return (
    register.slots > 0 &&
    register.stores &&
    !register.leaving &&
    register.mathClass === computation.spec.mathClass &&
    !register.refuses.includes(computation.id)
  );
}

/** Says whether this peer may evaluate a computation. */
export function eligible(turn: Turn, computation: Computation): boolean {
  const { self, diskFull, stopped, refuses } = turn.state;
  return (
    self.slots > 0 &&
    !diskFull &&
    !stopped &&
    self.mathClass === computation.spec.mathClass &&
    !refuses.has(computation.id)
  );
}

/** Peers of the roster that may evaluate a computation, the suspected and dead ones included. */
export function rosterContenders(turn: Turn, computation: Computation): Contender[] {
  const { self, roster } = turn.state;
  const contenders: Contender[] = [];
  if (eligible(turn, computation)) contenders.push({ peer: self.peer, slots: self.slots });
  for (const [peer, { register }] of roster.all()) {
    if (fits(register, computation)) contenders.push({ peer, slots: register.slots });
  }
  return contenders;
}

/** Those of them that are not dead. */
export function liveContenders(turn: Turn, computation: Computation): Contender[] {
  const { self, roster } = turn.state;
  return rosterContenders(turn, computation).filter(({ peer }) => {
    const view = roster.get(peer);
    return peer === self.peer || (view !== undefined && roster.state(view, turn.now) !== 'dead');
  });
}

/** Slots of all live peers that may evaluate a computation. */
export function slotsInMesh(turn: Turn, computation: Computation): number {
  return liveContenders(turn, computation).reduce((sum, { slots }) => sum + slots, 0);
}

/** Live peers that keep records, this one included, in the order of their ids. */
export function livingStorers(turn: Turn): PeerId[] {
  const { self, roster, diskFull } = turn.state;
  const peers = diskFull ? [] : [self.peer];
  for (const [peer, view] of roster.all()) {
    if (view.register.stores && roster.state(view, turn.now) !== 'dead') peers.push(peer);
  }
  return peers.sort();
}

/** The holders of a computation: the publisher if it is alive, then by rendezvous. */
export function holdersOf(turn: Turn, computation: Computation, owner: PeerId): PeerId[] {
  const living = livingStorers(turn);
  const first = living.includes(owner) ? [owner] : [];
  const others = living.filter((peer) => peer !== owner).map((peer) => ({ peer, slots: 1 }));
  return [...first, ...rendezvousRank(computation.id, others, HOLDERS - first.length)];
}
