import { isPeerId, type PeerId } from '../core/ids.ts';
import { type Address, MAX_ADDRESSES, parseAddress } from './addresses.ts';

/** Peers told in one frame at most. */
const MAX_PEERS = 128;

/** A peer that somebody is connected to, and where it may be reached. */
export interface Acquaintance {
  readonly peer: PeerId;
  readonly addresses: readonly string[];
}

/** The body of a `peers` frame: JSON `[[peer, [address, …]], …]`, the sender itself included. */
export function encodePeers(peers: readonly Acquaintance[]): Uint8Array {
  const rows = peers
    .slice(0, MAX_PEERS)
    .map(({ peer, addresses }) => [peer, addresses.slice(0, MAX_ADDRESSES)]);
  return Buffer.from(JSON.stringify(rows));
}

/** Reads a `peers` frame. Null when it has not that form. */
export function decodePeers(
  body: Uint8Array,
): { readonly peer: PeerId; readonly addresses: Address[] }[] | null {
  if (body.byteLength > MAX_PEERS * (MAX_ADDRESSES + 1) * 260) return null;
  let rows: unknown;
  try {
    rows = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return null;
  }
  if (!Array.isArray(rows) || rows.length > MAX_PEERS) return null;
  const peers: { peer: PeerId; addresses: Address[] }[] = [];
  for (const row of rows) {
    if (!Array.isArray(row) || row.length !== 2) return null;
    const [peer, texts] = row as [unknown, unknown];
    if (typeof peer !== 'string' || !isPeerId(peer)) return null;
    if (!Array.isArray(texts) || texts.length > MAX_ADDRESSES) return null;
    const addresses: Address[] = [];
    for (const text of texts) {
      if (typeof text !== 'string') return null;
      const address = parseAddress(text);
      // A later meshd may know ways that this one cannot read.
      if (address === null) continue;
      if (address.peer === null || address.peer === peer) addresses.push(address);
    }
    peers.push({ peer, addresses });
  }
  return peers;
}
