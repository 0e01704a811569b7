import type { Connection, Libp2p } from '@libp2p/interface';
import type { PeerId } from '../core/ids.ts';
import { closeOrAbort } from './close-or-abort.ts';

/** A member of the mesh speaks another number of the protocol. */
export interface OtherProtocol {
  readonly peer: PeerId;
  /** What to do, in one line. */
  readonly reason: string;
}

/**
 * Looks at the protocols that each connected peer names to libp2p (identify, which has no number
 * of ours), and closes the connection to a member of another number. Both sides do so and say it.
 * sync: this side's protocol, a number at its end.
 */
export function watchProtocols(
  node: Libp2p,
  sync: string,
  refused: (other: OtherProtocol) => void,
): void {
  node.addEventListener('peer:identify', ({ detail }) => {
    const reason = otherProtocol(sync, detail.protocols);
    if (reason === null) return;
    refused({ peer: detail.peerId.toString(), reason });
    close(detail.connection);
  });
}

/** Why a peer with these protocols cannot be talked to; null when it can, or is of no mesh. */
export function otherProtocol(sync: string, protocols: readonly string[]): string | null {
  const name = sync.slice(0, sync.lastIndexOf('/') + 1);
  const numbers = protocols
    .filter((protocol) => protocol.startsWith(name))
    .map((protocol) => Number(protocol.slice(name.length)));
  const own = Number(sync.slice(name.length));
  if (numbers.length === 0 || numbers.includes(own)) return null;
  const theirs = Math.max(...numbers);
  const which = theirs > own ? 'this machine' : 'that one';
  return `it speaks protocol ${theirs}, this machine ${own}: upgrade meshd on ${which}`;
}

function close(connection: Connection): void {
  // The other side reads the same of this one and needs a moment for it.
  setTimeout(() => void closeOrAbort(connection), 1000).unref();
}
