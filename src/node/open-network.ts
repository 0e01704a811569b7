import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import type { Gate } from '../net/gate.ts';
import type { Identity } from '../net/identity.ts';
import type { Network, NetworkHandlers } from '../net/network.ts';
import { SoloNetwork } from '../net/solo-network.ts';
import type { Home, PeerSettings } from './home.ts';
import type { PeerOptions } from './peer.ts';

/** All interfaces, free ports. */
const EVERYWHERE_4 = '/ip4/0.0.0.0/tcp/0';
const EVERYWHERE_6 = '/ip6/::/tcp/0';

/** Longest wait for a bootstrap to answer, in ms. */
const JOIN_MS = 15_000;

/** Between two looks whether somebody is connected, in ms. */
const LOOK_MS = 50;

/** What a network is opened with. */
export interface NetworkNeeds {
  readonly home: Home;
  /** Null for a home that belongs to no mesh. */
  readonly gate: Gate | null;
  readonly identity: Identity;
  readonly settings: PeerSettings;
  readonly members: ReadonlyMap<PeerId, readonly string[]>;
  readonly options: PeerOptions;
  readonly name: string;
  readonly handlers: NetworkHandlers;
}

/**
 * Opens the network of a home's mesh, or none. Only once a member has answered does the home
 * belong to the mesh; the ports in use are kept for the next start.
 * @throws MeshError MESH_PORT_IN_USE, MESH_NO_BOOTSTRAP
 */
export async function openNetwork(needs: NetworkNeeds): Promise<Network> {
  const { home, gate, identity, options, settings } = needs;
  if (gate === null) return new SoloNetwork(identity.peer);
  const announce = options.announce ?? settings.announce ?? [];
  const network = await listen(needs, gate, announce);
  try {
    const { bootstrap = [] } = options;
    if (bootstrap.length > 0) await meetAnyone(network, bootstrap, options.signal);
    await gate.persist();
    const wanted = options.listen ?? settings.listen ?? defaultListen();
    const fixed = fixPorts(wanted, network.listening());
    const { cacheBytes = settings.cacheBytes } = options;
    const cache = cacheBytes === undefined ? {} : { cacheBytes };
    await home.keepSettings({ name: needs.name, listen: fixed, announce, ...cache });
  } catch (error) {
    await network.close();
    throw error;
  }
  return network;
}

/**
 * Any one living member will do: a bootstrap, one that is known from before, or one nearby. Where
 * many join at once a bootstrap may be too busy to answer in time.
 */
async function meetAnyone(
  network: Network,
  bootstrap: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const patience = AbortSignal.timeout(JOIN_MS);
  const given = signal === undefined ? [] : [signal];
  const over = new AbortController();
  const joined = network.join(bootstrap, { signal: AbortSignal.any([patience, ...given]) });
  const connected = firstConnection(network, AbortSignal.any([patience, over.signal, ...given]));
  try {
    await Promise.any([joined, connected]);
  } catch {
    // Of the two failures the bootstraps' says more.
    await joined;
  } finally {
    over.abort();
  }
}

/** Resolves once somebody is connected; rejects with the signal. */
async function firstConnection(network: Network, signal: AbortSignal): Promise<void> {
  while (network.connections().length === 0) await sleep(LOOK_MS, undefined, { signal });
}

async function listen(
  needs: NetworkNeeds,
  gate: Gate,
  announce: readonly string[],
): Promise<Network> {
  // Some four hundred files, which a home that belongs to no mesh has no use for.
  const { startLibp2pNetwork } = await import('../net/libp2p-network.ts');
  const { identity, options, settings, members, handlers } = needs;
  const known = [...members].map(([peer, addresses]) => ({ peer, addresses }));
  const { relayBytesPerSecond = null } = options;
  const base = { identity, gate, announce, handlers, known, relayBytesPerSecond };
  const wanted = options.listen ?? settings.listen ?? defaultListen();
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

/** All interfaces; IPv6 where this machine has it beyond loopback. */
function defaultListen(): string[] {
  const own = Object.values(networkInterfaces()).flat();
  const has6 = own.some((each) => each?.family === 'IPv6' && !each.internal);
  return has6 ? [EVERYWHERE_4, EVERYWHERE_6] : [EVERYWHERE_4];
}

/** Port 0 is a free port chosen once: the one that this home had there the last time. */
function lastPort(address: string, before: readonly string[]): string {
  if (anyPort(address) !== address) return address;
  return before.find((known) => anyPort(known) === address) ?? address;
}

function anyPort(address: string): string {
  return address.replace(/\/tcp\/\d+/, '/tcp/0');
}

/** The addresses asked for, with the ports that port 0 became. */
export function fixPorts(wanted: readonly string[], listening: readonly string[]): string[] {
  return wanted.map((address) => {
    if (anyPort(address) !== address) return address;
    const there = listening.filter((each) => kindOf(each) === kindOf(address));
    const taken = there.find((each) => anyPort(each) === address) ?? there[0] ?? '';
    const port = /\/tcp\/(\d+)/.exec(taken)?.[1] ?? '0';
    return address.replace(/\/tcp\/0/, `/tcp/${port}`);
  });
}

/** Without host and port: `/ip4//tcp/`, `/ip6//tcp//ws`. */
function kindOf(address: string): string {
  return address.replace(/^(\/ip[46]\/)[^/]+(\/tcp\/)\d+/, '$1$2');
}
