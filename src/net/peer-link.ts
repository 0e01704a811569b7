import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, Stream } from '@libp2p/interface';
import type { PeerId } from '../core/ids.ts';
import { encodeFrame, FRAME, type FrameKind, FrameReader, MAX_FRAME_BYTES } from './frame.ts';
import { Liveness } from './liveness.ts';
import { SendQueue } from './send-queue.ts';

const OPEN_MS = 5000;
const FAREWELL_MS = 500;
const REOPEN_MS = [0, 200, 1000, 5000];

/** Errors by which a socket tells that the other end is gone. */
const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** What a link tells its owner. */
export interface LinkEvents {
  /** The link can carry frames; told once, before any frame. */
  ready(): void;
  /** The last connection ended; see NetworkHandlers.disconnected. Told once. */
  ended(reset: boolean): void;
  frame(kind: number, body: Uint8Array): void;
  log(event: string, fields: object): void;
}

/**
 * All connections to one peer, and the streams on them: one that this side opened and alone
 * writes to, and those that the peer opened and alone writes to. So neither side waits for the
 * other to open, and two simultaneous dials do no harm. A link ends once, with the last
 * connection or a farewell; the next connection gets a new link.
 */
export class PeerLink {
  readonly peer: PeerId;
  readonly #protocol: string;
  readonly #events: LinkEvents;
  readonly #nowMs: () => number;
  readonly #connections = new Set<Connection>();
  readonly #queue = new SendQueue();
  readonly #liveness = new Liveness();
  readonly #gone = Promise.withResolvers<void>();
  #outbound: { readonly stream: Stream; readonly connection: Connection } | null = null;
  #opening: Promise<void> | null = null;
  #failures = 0;
  #reopenTimer: NodeJS.Timeout | null = null;
  #isReady = false;
  #hasHeard = false;
  #hasEnded = false;

  constructor(peer: PeerId, protocol: string, events: LinkEvents, nowMs: () => number) {
    this.peer = peer;
    this.#protocol = protocol;
    this.#events = events;
    this.#nowMs = nowMs;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get rttMs(): number | null {
    return this.#liveness.rttMs;
  }

  connections(): Iterable<Connection> {
    return this.#connections;
  }

  /** The connection that carries what is sent, or the newest one. */
  connection(): Connection | undefined {
    return this.#outbound?.connection ?? [...this.#connections].at(-1);
  }

  addConnection(connection: Connection): void {
    if (this.#hasEnded || connection.status !== 'open') return;
    if (this.#connections.has(connection)) return;
    this.#connections.add(connection);
    connection.addEventListener('close', (event) => this.#removeConnection(connection, event));
    if (this.#outbound === null) this.#open();
  }

  /** Reads a stream that the peer opened. */
  receive(stream: Stream, connection: Connection): void {
    this.addConnection(connection);
    const reader = new FrameReader();
    stream.addEventListener('message', ({ data }) => {
      const isSound = reader.push(data.subarray(), (kind, body) => this.#take(kind, body));
      if (isSound) return;
      this.#events.log('frame.oversized', { peer: this.peer, limitBytes: MAX_FRAME_BYTES });
      stream.abort(new Error('frame too long'));
    });
    stream.addEventListener('remoteCloseWrite', () => {
      stream.close().catch(() => stream.abort(new Error('not closed in time')));
    });
  }

  /** Puts a frame in the queue. False when there is no connection or it does not fit any more. */
  send(kind: FrameKind, body: Uint8Array): boolean {
    if (this.#connections.size === 0 || body.byteLength > MAX_FRAME_BYTES) return false;
    return !this.#hasEnded && this.#queue.push(encodeFrame(kind, body));
  }

  /** To be called every few seconds: keeps the stream in use, and ends a dead connection. */
  watch(): void {
    if (this.#outbound === null) return;
    if (this.#liveness.watch(this.#queue.bytes)) this.#ping();
    else this.#abortSilent();
  }

  /** Pings, and ends the connection in use when that ping is unanswered after `limitMs`. */
  probe(limitMs: number): void {
    if (this.#outbound === null) return;
    this.#ping();
    const asked = this.#liveness.askedMs;
    setTimeout(() => {
      if (asked !== null && this.#liveness.askedMs === asked) this.#abortSilent();
    }, limitMs).unref();
  }

  /** Says farewell after all that waits, and lets the peer close; at most a second. */
  async close(): Promise<void> {
    if (this.#hasEnded || this.#connections.size === 0) return;
    if (this.#opening !== null) await Promise.race([this.#opening, pause()]);
    this.#hasEnded = true;
    if (this.#reopenTimer !== null) clearTimeout(this.#reopenTimer);
    this.#queue.flush(encodeFrame(FRAME.farewell, new Uint8Array()));
    // Closing first could overtake the farewell, and the peer would take it for a crash.
    await Promise.race([this.#gone.promise, pause()]);
  }

  #open(): void {
    if (this.#opening !== null || this.#outbound !== null || this.#hasEnded) return;
    const open = [...this.#connections].filter(({ status }) => status === 'open');
    const connection = open.at(-1 - (this.#failures % Math.max(1, open.length)));
    if (connection === undefined) return;
    this.#opening = this.#openOn(connection).catch((error: unknown) => {
      this.#opening = null;
      if (this.#connections.size === 0) return;
      this.#events.log('stream.failed', { peer: this.peer, reason: String(error) });
      this.#reopen();
    });
  }

  async #openOn(connection: Connection): Promise<void> {
    const stream = await connection.newStream(this.#protocol, {
      signal: AbortSignal.timeout(OPEN_MS),
      runOnLimitedConnection: true,
    });
    this.#opening = null;
    if (stream.status !== 'open' || !this.#connections.has(connection) || this.#hasEnded) {
      stream.abort(new Error('came too late'));
      this.#reopen();
      return;
    }
    const openedMs = this.#nowMs();
    this.#outbound = { stream, connection };
    this.#queue.use(stream);
    stream.addEventListener('close', () => {
      if (this.#outbound?.stream !== stream) return;
      this.#dropOutbound();
      // A stream that lasted proves that opening works; one that did not must not spin.
      if (this.#nowMs() - openedMs > OPEN_MS) this.#failures = 0;
      this.#reopen();
    });
    this.#becomeReady();
    this.#ping();
  }

  #reopen(): void {
    if (this.#connections.size === 0 || this.#hasEnded || this.#reopenTimer !== null) return;
    const delayMs = REOPEN_MS[Math.min(this.#failures, REOPEN_MS.length - 1)] ?? 0;
    this.#failures += 1;
    this.#reopenTimer = setTimeout(() => {
      this.#reopenTimer = null;
      this.#open();
    }, delayMs);
    this.#reopenTimer.unref();
  }

  #ping(): void {
    // While the stream is blocked this is in vain; the next watch asks again.
    this.#queue.urge(encodeFrame(FRAME.ping, this.#liveness.ask(this.#nowMs())));
  }

  #abortSilent(): void {
    if (this.#outbound === null) return;
    this.#events.log('connection.silent', { peer: this.peer });
    this.#outbound.connection.abort(new Error('no answer to pings'));
  }

  #take(kind: number, body: Uint8Array): void {
    if (this.#hasEnded) {
      // Both say farewell: neither waits for the other to close.
      if (kind === FRAME.farewell) this.#gone.resolve();
      return;
    }
    this.#hasHeard = true;
    if (kind === FRAME.farewell) {
      this.#end(false);
      for (const connection of this.#connections) {
        connection.close().catch((error: unknown) => connection.abort(error as Error));
      }
      return;
    }
    this.#becomeReady();
    if (kind === FRAME.ping && body.byteLength === 8) {
      const pong = encodeFrame(FRAME.pong, body);
      if (!this.#queue.urge(pong)) this.#queue.push(pong);
    } else if (kind === FRAME.pong && body.byteLength === 8) {
      this.#liveness.answered(body, this.#nowMs());
    } else {
      this.#events.frame(kind, body);
    }
  }

  #becomeReady(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#events.ready();
  }

  #dropOutbound(): void {
    this.#outbound = null;
    this.#queue.use(null);
    this.#liveness.restart();
  }

  #removeConnection(connection: Connection, event: Event): void {
    if (!this.#connections.delete(connection)) return;
    if (this.#outbound?.connection === connection) this.#dropOutbound();
    if (this.#connections.size > 0) {
      this.#open();
      return;
    }
    this.#gone.resolve();
    // Before its first frame a farewell of the peer may not have been readable yet: no evidence.
    this.#end(this.#hasHeard && isBroken(connection, event));
  }

  #end(reset: boolean): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#reopenTimer !== null) clearTimeout(this.#reopenTimer);
    this.#outbound = null;
    this.#queue.clear();
    this.#events.ended(reset);
  }
}

/**
 * Says whether a direct connection ended because the other end's socket went away: it was reset,
 * or ended without an error and without this side asking. A time-out or an unreachable network is
 * no evidence that a process died.
 */
function isBroken(connection: Connection, event: Event): boolean {
  if (!connection.direct) return false;
  const error = (event as { error?: NodeJS.ErrnoException }).error;
  return error === undefined || BROKEN.has(error.code ?? '');
}

function pause(): Promise<void> {
  return delay(FAREWELL_MS, undefined, { ref: false });
}
