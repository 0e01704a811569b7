import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, Stream } from '@libp2p/interface';
import type { PeerId } from '../core/ids.ts';
import { closeOrAbort } from './close-or-abort.ts';
import { encodeFrame, FRAME, type FrameKind, FrameReader, MAX_FRAME_BYTES } from './frame.ts';
import { Liveness } from './liveness.ts';
import { SendQueue } from './send-queue.ts';

const OPEN_MS = 5000;
const FAREWELL_MS = 500;
const REOPEN_MS = [0, 200, 1000, 5000];

/** How long what is under way through a relay may take to arrive before the direct way is used. */
const HAND_OVER_MS = 30_000;

/** Errors by which a socket tells that the other end is gone. */
const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** What a link tells its owner. */
export interface LinkEvents {
  /** The link can carry frames; told once, before any frame. */
  ready(): void;
  /** The last connection ended; see NetworkHandlers.disconnected. Told once. */
  ended(reset: boolean): void;
  frame(kind: number, body: Uint8Array): void;
  /** What is sent goes over another connection now. */
  moved(connection: Connection): void;
  /** A relayed connection that a direct one replaced was closed. */
  retired(connection: Connection): void;
  /** Says whether nothing stands between this side and the peer that could end in its place. */
  isOwnWay(connection: Connection): boolean;
  log(event: string, fields: object): void;
}

/**
 * All connections to one peer, and the streams on them: one that this side opened and alone
 * writes to, and those that the peer opened and alone writes to. So neither side waits for the
 * other to open, and two simultaneous dials do no harm. A direct connection takes over from a
 * relayed one: what is sent moves to it in order, and the relayed one is closed once neither side
 * uses it. A link ends once, with the last connection or a farewell; the next connection gets a new
 * link.
 */
export class PeerLink {
  readonly peer: PeerId;
  readonly #protocol: string;
  readonly #events: LinkEvents;
  readonly #nowMs: () => number;
  readonly #connections = new Set<Connection>();
  /** Connections that carry streams of the peer, one entry a stream. */
  readonly #inbound = new Map<Stream, Connection>();
  readonly #queue = new SendQueue();
  readonly #liveness = new Liveness();
  readonly #gone = Promise.withResolvers<void>();
  #outbound: { readonly stream: Stream; readonly connection: Connection } | null = null;
  #opening: Promise<void> | null = null;
  #failures = 0;
  #handOver: {
    readonly token: string;
    hasArrived: boolean;
    readonly arrived: () => void;
  } | null = null;
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
    else if (connection.direct && !this.#outbound.connection.direct) this.#moveTo(connection);
  }

  /** Reads a stream that the peer opened. */
  receive(stream: Stream, connection: Connection): void {
    this.addConnection(connection);
    this.#inbound.set(stream, connection);
    stream.addEventListener('close', () => {
      this.#inbound.delete(stream);
      this.#retire();
    });
    const reader = new FrameReader();
    stream.addEventListener('message', ({ data }) => {
      const isSound = reader.push(data.subarray(), (kind, body) => this.#take(kind, body));
      if (isSound) return;
      this.#events.log('frame.oversized', { peer: this.peer, limitBytes: MAX_FRAME_BYTES });
      stream.abort(new Error('frame too long'));
    });
    stream.addEventListener('remoteCloseWrite', () => {
      void closeOrAbort(stream);
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
    const open = [...this.#connections]
      .filter(({ status }) => status === 'open')
      .sort((a, b) => Number(a.direct) - Number(b.direct));
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
    this.#use(stream, connection);
    this.#becomeReady();
    this.#ping();
    const direct = [...this.#connections].find((other) => other.direct && other.status === 'open');
    if (!connection.direct && direct !== undefined) this.#moveTo(direct);
  }

  #use(stream: Stream, connection: Connection): void {
    const openedMs = this.#nowMs();
    const isOther = this.#outbound?.connection !== connection;
    this.#outbound = { stream, connection };
    this.#queue.use(stream);
    stream.addEventListener('close', () => {
      if (this.#outbound?.stream !== stream) return;
      this.#dropOutbound();
      // A stream that lasted proves that opening works; one that did not must not spin.
      if (this.#nowMs() - openedMs > OPEN_MS) this.#failures = 0;
      this.#reopen();
    });
    if (isOther && this.#isReady) this.#events.moved(connection);
    this.#retire();
  }

  #moveTo(connection: Connection): void {
    const from = this.#outbound;
    if (from === null || this.#handOver !== null || this.#hasEnded) return;
    const arrived = Promise.withResolvers<void>();
    const body = randomBytes(8);
    const token = body.toString('hex');
    this.#handOver = { token, hasArrived: false, arrived: arrived.resolve };
    this.#move(from.stream, connection, body, arrived.promise)
      .catch((error: unknown) => {
        this.#events.log('stream.failed', { peer: this.peer, reason: String(error) });
      })
      .finally(() => {
        this.#handOver = null;
      });
  }

  /** Opens a stream on the direct connection and uses it once all sent before has arrived. */
  async #move(
    from: Stream,
    connection: Connection,
    token: Uint8Array,
    arrived: Promise<void>,
  ): Promise<void> {
    const stream = await connection.newStream(this.#protocol, {
      signal: AbortSignal.timeout(OPEN_MS),
    });
    if (this.#outbound?.stream === from) {
      this.#queue.hold(encodeFrame(FRAME.ping, token));
      const closed = new Promise<void>((resolve) => {
        from.addEventListener('close', () => resolve(), { once: true });
      });
      await Promise.race([arrived, closed, delay(HAND_OVER_MS, undefined, { ref: false })]);
    }
    if (this.#outbound?.stream !== from || stream.status !== 'open' || this.#hasEnded) {
      stream.abort(new Error('came too late'));
      if (this.#outbound?.stream === from) this.#queue.use(from);
      return;
    }
    this.#liveness.restart();
    // What is still under way must not arrive behind what follows.
    if (this.#handOver?.hasArrived !== true) from.abort(new Error('too slow to wait for'));
    this.#use(stream, connection);
    this.#ping();
    void closeOrAbort(from);
  }

  /** Closes relayed connections that neither side uses any more. */
  #retire(): void {
    const used = this.#outbound?.connection;
    if (used?.direct !== true || used.status !== 'open') return;
    for (const connection of this.#connections) {
      if (connection.direct || [...this.#inbound.values()].includes(connection)) continue;
      // A peer that has not moved yet has a stream here; it closes that once it has.
      void closeOrAbort(connection).finally(() => this.#events.retired(used));
    }
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
      for (const connection of this.#connections) void closeOrAbort(connection);
      return;
    }
    this.#becomeReady();
    if (kind === FRAME.ping && body.byteLength === 8) {
      this.#queue.reply(encodeFrame(FRAME.pong, body));
    } else if (kind === FRAME.pong && this.#handOver?.token === Buffer.from(body).toString('hex')) {
      this.#handOver.hasArrived = true;
      this.#handOver.arrived();
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
    this.#end(this.#hasHeard && isBroken(event) && this.#events.isOwnWay(connection));
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
 * Says whether a connection ended because the other end's socket went away: it was reset, or ended
 * without an error and without this side asking. A time-out or an unreachable network is no
 * evidence that a process died.
 */
function isBroken(event: Event): boolean {
  const error = (event as { error?: NodeJS.ErrnoException }).error;
  return error === undefined || BROKEN.has(error.code ?? '');
}

function pause(): Promise<void> {
  return delay(FAREWELL_MS, undefined, { ref: false });
}
