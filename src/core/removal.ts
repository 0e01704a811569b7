import type { PeerEvent } from './event.ts';
import type { PeerId } from './ids.ts';
import type { Removal } from './record.ts';
import { removalPayload } from './record-codec.ts';
import { append } from './records.ts';
import type { Turn } from './turn.ts';

/** Peers that can be removed from one mesh; of more, those with the smallest ids count. */
export const MAX_REMOVED = 4096;

/** Authors that are known of a removal; of more, those with the smallest ids. */
export const MAX_AUTHORS = 8;

/** Puts a peer on the deny list, in a signed record that every member keeps. */
export function remove(turn: Turn, event: Extract<PeerEvent, { kind: 'remove' }>): void {
  const { peer, request } = event;
  // Who hears of this removal first takes no removal of that peer any more: its own live on here.
  const inherited = [...turn.state.removed].filter(([, authors]) => authors.has(peer));
  for (const [other] of inherited.sort(([a], [b]) => (a < b ? -1 : 1))) put(turn, other);
  put(turn, peer);
  turn.emit({ kind: 'answer', request, result: { kind: 'removed' } });
}

function put(turn: Turn, peer: PeerId): void {
  const { self, removed } = turn.state;
  const authors = removed.get(peer);
  if (authors !== undefined && !firstAuthors(authors, self.peer).has(self.peer)) return;
  if (authors?.has(self.peer) === true) return;
  const signature = turn.env.sign(removalPayload(self, peer));
  append(turn, 'control', { kind: 'removal', peer, signature });
}

/** The authors with one more, as many as are kept. */
function firstAuthors(authors: ReadonlySet<PeerId>, author: PeerId): Set<PeerId> {
  return new Set([...authors, author].sort().slice(0, MAX_AUTHORS));
}

/**
 * Takes a removal in: the peer's leases are void, and nothing more is heard from it. What it wrote
 * before stays: outcomes are the same whoever found them. Removals merge by union.
 */
export function applyRemoval(turn: Turn, { peer }: Removal, author: PeerId): void {
  const { state } = turn;
  const known = state.removed.get(peer);
  if (known !== undefined) {
    if (!known.has(author)) state.removed.set(peer, firstAuthors(known, author));
    return;
  }
  state.removed.set(peer, new Set([author]));
  if (state.removed.size > MAX_REMOVED) {
    const last = [...state.removed.keys()].sort().at(-1) ?? peer;
    state.removed.delete(last);
    turn.log('warn', 'removals.full', { peer: last });
    if (last === peer) return;
  }
  const isSelf = peer === state.self.peer;
  turn.log(isSelf ? 'error' : 'warn', isSelf ? 'self.removed' : 'peer.removed', {
    peer,
    by: author,
  });
  if (isSelf) return;
  state.roster.remove(peer);
  state.connected.delete(peer);
  turn.emit({ kind: 'forget.peer', peer });
  turn.emit({ kind: 'deny', peer });
  turn.change(null);
}

/** Says whether a peer is on the deny list: what it says now counts for nothing. */
export function isRemoved({ state }: Turn, peer: PeerId): boolean {
  return state.removed.has(peer);
}
