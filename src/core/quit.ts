import { encode, hexToBytes } from './codec.ts';
import { type PeerId, type Start, sameStart } from './ids.ts';
import type { Message } from './message.ts';
import { MAX_QUITS } from './message-codec.ts';
import { isRemoved } from './removal.ts';
import type { Turn } from './turn.ts';

/** Requests that are remembered, so that each is passed on once. */
const MAX_KNOWN = 64;

type Quit = Extract<Message, { kind: 'quit' }>;

/** What the author of a request to end signs. */
export function quitPayload(starts: readonly (readonly [PeerId, Start])[]): Uint8Array {
  const named = starts.map(([peer, start]) => [peer, start.incarnation, hexToBytes(start.nonce)]);
  return encode(['meshd quit', named]);
}

/**
 * Asks every peer that is alive, this one included, to end. The request names their starts: a
 * process that starts later is not meant, whenever the request reaches it, and no clock is needed.
 */
export function askToQuit(turn: Turn): void {
  const { state, now } = turn;
  const others = state.roster
    .all()
    .filter(([, view]) => state.roster.state(view, now) !== 'dead')
    .map(([peer, view]) => [peer, view.register.start] as const);
  const starts = [[state.self.peer, state.start] as const, ...others].slice(0, MAX_QUITS);
  const signature = turn.env.sign(quitPayload(starts));
  takeQuit(turn, state.self.peer, { kind: 'quit', author: state.self.peer, starts, signature });
}

/** Passes a member's request on, and ends this peer when this start of it is meant. */
export function takeQuit(turn: Turn, from: PeerId, quit: Quit): void {
  const { state, env } = turn;
  const { author, starts, signature } = quit;
  const payload = quitPayload(starts);
  if (isRemoved(turn, author) || !env.verify(author, payload, signature)) return;
  const name = `${author} ${env.hash(payload)}`;
  if (state.quits.has(name)) return;
  state.quits.add(name);
  const [oldest] = state.quits;
  if (state.quits.size > MAX_KNOWN && oldest !== undefined) state.quits.delete(oldest);
  for (const peer of [...state.connected].sort()) {
    if (peer !== from && peer !== author) turn.send(peer, quit);
  }
  const own = starts.find(([peer]) => peer === state.self.peer)?.[1];
  if (own === undefined || !sameStart(own, state.start)) return;
  turn.log('info', 'peer.quits', { by: author });
  turn.emit({ kind: 'quit', by: author });
}
