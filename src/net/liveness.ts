/** Calls of `watch` without an answer before a connection counts as dead. */
const MAX_SILENT_TICKS = 9;

/**
 * Whether a stream still leads to a living peer. It asks for pongs and counts calls, not time: a
 * sleep of this machine is not held against the peer, nor is a brief stop of the peer.
 */
export class Liveness {
  #askedMs: number | null = null;
  #silentTicks = 0;
  #bytes = 0;
  /** Last round trip in ms, or null before the first. */
  rttMs: number | null = null;

  /** When the unanswered ping was sent; null when there is none. */
  get askedMs(): number | null {
    return this.#askedMs;
  }

  /** The body of a ping to send now: a new one, or again the one that is unanswered. */
  ask(nowMs: number): Uint8Array {
    this.#askedMs ??= nowMs;
    const body = new Uint8Array(8);
    new DataView(body.buffer).setFloat64(0, this.#askedMs);
    return body;
  }

  /** Takes a pong. One that answers no ping of ours is ignored. */
  answered(body: Uint8Array, nowMs: number): void {
    const askedMs = new DataView(body.buffer, body.byteOffset).getFloat64(0);
    if (askedMs !== this.#askedMs) return;
    this.rttMs = nowMs - askedMs;
    this.restart();
  }

  /**
   * To be called every few seconds with the bytes that wait. False when the peer neither answered
   * nor took a byte for nine calls.
   */
  watch(bytes: number): boolean {
    const isMoving = bytes !== this.#bytes;
    this.#bytes = bytes;
    this.#silentTicks = isMoving || this.#askedMs === null ? 0 : this.#silentTicks + 1;
    return this.#silentTicks < MAX_SILENT_TICKS;
  }

  /** Another stream: a pong that was due will not come. */
  restart(): void {
    this.#askedMs = null;
    this.#silentTicks = 0;
  }
}
