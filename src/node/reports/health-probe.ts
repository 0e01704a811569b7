import { statfs } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import type { PeerId } from '../../core/ids.ts';
import { isLoopback, isLoopbackOnly, parseAddress } from '../../net/addresses.ts';
import { peekLocals } from '../../store/peek-locals.ts';
import type { Home } from '../home.ts';
import { readMembers } from '../members.ts';

/** How long a port may take to answer, in ms. */
const DIAL_MS = 3000;

/** Addresses that are tried at most. */
const MAX_TRIES = 64;

/** What came of dialing one address of a member. */
export interface DialTry {
  readonly peer: PeerId;
  readonly host: string;
  readonly port: number;
  /** Null: the port answers. timeout: nothing came back. */
  readonly fault: 'refused' | 'timeout' | 'unreachable' | null;
}

/**
 * Dials the TCP addresses of members, all at once. listen: what this peer listens on; when that is
 * loopback alone, it sends nothing beyond its machine.
 */
export function dialMembers(
  members: ReadonlyMap<PeerId, readonly string[]>,
  listen: readonly string[],
): Promise<DialTry[]> {
  const localOnly = isLoopbackOnly(listen);
  const targets = [...members].flatMap(([peer, addresses]) =>
    addresses.flatMap((address) => {
      const target = hostAndPort(address);
      const parsed = parseAddress(address);
      if (target === null || parsed === null || (localOnly && !isLoopback(parsed))) return [];
      return [{ peer, ...target }];
    }),
  );
  const tries = targets.slice(0, MAX_TRIES);
  return Promise.all(tries.map(async (each) => ({ ...each, fault: await dial(each) })));
}

/** Null for an address that leads through a relay, or not over TCP. */
function hostAndPort(address: string): { readonly host: string; readonly port: number } | null {
  if (address.includes('/p2p-circuit')) return null;
  const found = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d+)/.exec(address);
  return found === null ? null : { host: found[1] ?? '', port: Number(found[2]) };
}

function dial(target: { readonly host: string; readonly port: number }): Promise<DialTry['fault']> {
  const { promise, resolve } = Promise.withResolvers<DialTry['fault']>();
  const { host, port } = target;
  const socket = createConnection({ host, port, timeout: DIAL_MS });
  socket.on('connect', () => resolve(null));
  socket.on('timeout', () => resolve('timeout'));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const kinds = { ECONNREFUSED: 'refused', ETIMEDOUT: 'timeout' } as const;
    resolve(kinds[error.code as keyof typeof kinds] ?? 'unreachable');
  });
  return promise.finally(() => socket.destroy());
}

/** Members that a home knows from before; none where they cannot be read. No peer may run on it. */
export async function rememberedMembers(
  home: Home,
): Promise<ReadonlyMap<PeerId, readonly string[]>> {
  try {
    return readMembers(await peekLocals(home.database));
  } catch {
    // A peer may have started meanwhile, and is asked the next time; or its start has to repair it.
    return new Map();
  }
}

/** Which of the ports of these TCP multiaddrs cannot be listened on now. */
export async function takenPorts(listen: readonly string[]): Promise<number[]> {
  const taken: number[] = [];
  for (const address of listen) {
    const target = hostAndPort(address);
    if (target === null || target.port === 0) continue;
    if (await isTaken(target)) taken.push(target.port);
  }
  return [...new Set(taken)];
}

function isTaken(target: { readonly host: string; readonly port: number }): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE'));
  server.listen(target, () => server.close(() => resolve(false)));
  return promise;
}

/** Free bytes of a folder's disk; null where the system does not say. */
export async function freeBytesOf(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}
