import type { PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import type { Identity } from '../net/identity.ts';
import { startLibp2pNetwork } from '../net/libp2p-network.ts';
import type { Network, NetworkHandlers } from '../net/network.ts';
import { SoloNetwork } from '../net/solo-network.ts';
import type { Home, Membership, PeerSettings } from './home.ts';
import type { PeerOptions } from './peer.ts';

/** All interfaces, a free port. */
const DEFAULT_LISTEN: readonly string[] = ['/ip4/0.0.0.0/tcp/0'];

/** Longest wait for a bootstrap to answer, in ms. */
const JOIN_MS = 15_000;

/** What a network is opened with. */
export interface NetworkNeeds {
  readonly home: Home;
  readonly membership: Membership | null;
  readonly identity: Identity;
  readonly settings: PeerSettings;
  readonly members: ReadonlyMap<PeerId, readonly string[]>;
  readonly options: PeerOptions;
  readonly name: string;
  readonly handlers: NetworkHandlers;
}

/**
 * Opens the network of a home's mesh, or none. Only once a bootstrap has answered does the home
 * belong to the mesh; the ports in use are kept for the next start.
 * @throws MeshError MESH_PORT_IN_USE, MESH_NO_BOOTSTRAP
 */
export async function openNetwork(needs: NetworkNeeds): Promise<Network> {
  const { home, membership, identity, options, settings } = needs;
  if (membership === null) return new SoloNetwork(identity.peer);
  const announce = options.announce ?? settings.announce ?? [];
  const network = await listen(needs, announce);
  try {
    const { bootstrap = [] } = options;
    if (bootstrap.length > 0) {
      await network.join(bootstrap, { signal: AbortSignal.timeout(JOIN_MS) });
    }
    await home.enter(membership.secret);
    const own = network.addresses().map((address) => address.replace(/\/p2p\/[^/]+$/, ''));
    const wanted = options.listen ?? settings.listen ?? DEFAULT_LISTEN;
    await home.keepSettings({ name: needs.name, listen: fixPorts(wanted, own), announce });
  } catch (error) {
    await network.close();
    throw error;
  }
  return network;
}

async function listen(needs: NetworkNeeds, announce: readonly string[]): Promise<Network> {
  const { membership, identity, options, settings, members, handlers } = needs;
  const secret = membership?.secret ?? new Uint8Array();
  const known = [...members].map(([peer, addresses]) => ({ peer, addresses }));
  const base = { identity, secret, announce, handlers, known };
  const wanted = options.listen ?? settings.listen ?? DEFAULT_LISTEN;
  const remembered = wanted.map((address) => lastPort(address, settings.listen ?? []));
  try {
    return await startLibp2pNetwork({ ...base, listen: remembered });
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== 'MESH_PORT_IN_USE') throw error;
    // The port was free once and nobody asked for it by name: another one does as well.
    const anew = (options.listen ?? remembered.map(anyPort)).map(String);
    if (anew.join() === remembered.join()) throw error;
    handlers.log('warn', 'port.taken', { listen: remembered, instead: anew });
    return startLibp2pNetwork({ ...base, listen: anew });
  }
}

/** Port 0 is a free port chosen once: the one that this home had there the last time. */
function lastPort(address: string, before: readonly string[]): string {
  if (!address.endsWith('/tcp/0')) return address;
  return before.find((known) => anyPort(known) === address) ?? address;
}

function anyPort(address: string): string {
  return address.replace(/\/tcp\/\d+/, '/tcp/0');
}

/** The addresses asked for, with the ports that port 0 became. */
function fixPorts(wanted: readonly string[], own: readonly string[]): string[] {
  return wanted.map((address) => {
    if (!address.endsWith('/tcp/0')) return address;
    const taken = own.find((each) => anyPort(each) === address) ?? own[0] ?? '';
    const port = /\/tcp\/(\d+)/.exec(taken)?.[1] ?? '0';
    return address.replace(/\/tcp\/0$/, `/tcp/${port}`);
  });
}
