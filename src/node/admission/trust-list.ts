import type { PeerId } from '../../core/ids.ts';

export { isPeerId } from '../../core/ids.ts';

import { MeshError } from '../../core/mesh-error.ts';
import type { Home } from '../home.ts';

/** Publishers that one home can name. */
const MAX_TRUSTED = 1024;

/** A change of the publishers that a machine trusts. */
export interface TrustChange {
  readonly add?: readonly PeerId[];
  readonly remove?: readonly PeerId[];
}

/**
 * Changes the list on disk and returns it.
 * @throws MeshError MESH_USAGE when a peer to be removed is not in it, or it becomes too long.
 */
export async function changeTrust(home: Home, change: TrustChange): Promise<PeerId[]> {
  const { add = [], remove = [] } = change;
  const before = await home.trusted();
  const stranger = remove.find((peer) => !before.includes(peer));
  if (stranger !== undefined)
    throw usage(`${stranger} is not in the list: see \`meshd trust list\``);
  const list = new Set([...before, ...add]);
  for (const peer of remove) list.delete(peer);
  if (list.size > MAX_TRUSTED) throw usage(`a machine can trust ${MAX_TRUSTED} publishers at most`);
  if (add.length + remove.length > 0) await home.keepTrusted([...list]);
  return [...list];
}

function usage(text: string): MeshError {
  return new MeshError('MESH_USAGE', text);
}
