import { isIPv6, Server, type Socket } from 'node:net';
import type { CreateListenerOptions, Listener, Transport } from '@libp2p/interface';

/** Sockets of which it is not known yet whether a member is behind, at most, and for how long. */
export const MAX_PENDING = 64;
const PENDING_MS = 10_000;

/**
 * The sockets that came in and are no connections yet. When too many wait, the oldest one of the
 * network with the most of them has to go: who floods the port throws himself out, and a member
 * from elsewhere gets in.
 */
export class Entrance {
  readonly #waiting = new Map<Socket, { readonly from: string; readonly timer: NodeJS.Timeout }>();
  readonly #counts = new Map<string, number>();

  get pending(): number {
    return this.#waiting.size;
  }

  /** Takes a socket that was accepted a moment ago. */
  came(socket: Socket): void {
    const from = networkOf(socket.remoteAddress ?? '');
    const timer = setTimeout(() => socket.destroy(), PENDING_MS);
    timer.unref();
    this.#waiting.set(socket, { from, timer });
    this.#counts.set(from, (this.#counts.get(from) ?? 0) + 1);
    socket.once('close', () => this.#settle(socket));
    // What breaks before libp2p listens must not end the process.
    socket.on('error', () => socket.destroy());
    if (this.#waiting.size > MAX_PENDING) this.#throwOut();
  }

  /** The handshake of the connection from this host and port is done. */
  admitted(host: string, port: number): void {
    for (const [socket] of this.#waiting) {
      if (socket.remotePort === port && socket.remoteAddress === host) this.#settle(socket);
    }
  }

  /** Makes a transport whose listeners let their sockets through this entrance. */
  guard<C>(transport: (components: C) => Transport): (components: C) => Transport {
    return (components) => {
      const made = transport(components);
      const createListener = made.createListener.bind(made);
      made.createListener = (options: CreateListenerOptions) => {
        const listener = createListener(options);
        serverOf(listener).prependListener('connection', (socket) => this.came(socket));
        return listener;
      };
      return made;
    };
  }

  #settle(socket: Socket): void {
    const waiting = this.#waiting.get(socket);
    if (waiting === undefined) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(socket);
    const count = (this.#counts.get(waiting.from) ?? 1) - 1;
    if (count > 0) this.#counts.set(waiting.from, count);
    else this.#counts.delete(waiting.from);
  }

  #throwOut(): void {
    const most = Math.max(...this.#counts.values());
    for (const [socket, { from }] of this.#waiting) {
      if (this.#counts.get(from) !== most) continue;
      this.#settle(socket);
      socket.destroy();
      return;
    }
  }
}

/** An IPv4 address, or the /64 of an IPv6 one: whoever has one such address has them all. */
function networkOf(address: string): string {
  const [plain = ''] = address.replace(/^::ffff:(?=[\d.]+$)/i, '').split('%');
  if (!isIPv6(plain)) return plain;
  const [before = [], after = []] = plain.split('::').map((half) => half.split(':'));
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  const groups = plain.includes('::') ? [...before, ...zeros, ...after] : before;
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group || '0', 16))
    .join(':');
}

/** The server inside a listener: neither transport shows its sockets before the handshake. */
function serverOf(listener: Listener): Server {
  const { server } = listener as Listener & { readonly server?: unknown };
  if (server instanceof Server) return server;
  throw new Error('a listener of libp2p has no server to guard');
}
