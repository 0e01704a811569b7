/** What may pass at once after a pause: as much as the rate gives in this time. */
const BURST_MS = 100;

/**
 * Counts bytes against a rate. A piece passes whole and may leave a debt, which time pays off. It
 * keeps no clock: time is what the caller says, in ms, never less than before.
 */
export class TokenBucket {
  readonly #bytesPerMs: number;
  /** Below 0: a debt. */
  #bytes: number;
  #atMs: number;

  /** `bytesPerSecond`: above 0. */
  constructor(bytesPerSecond: number, nowMs: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#bytes = this.#bytesPerMs * BURST_MS;
    this.#atMs = nowMs;
  }

  /** Notes that so many bytes passed. */
  take(bytes: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#bytes -= bytes;
  }

  /** Time until more may pass, in ms; 0 when it may now. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#bytes >= 0 ? 0 : -this.#bytes / this.#bytesPerMs;
  }

  #fill(nowMs: number): void {
    const gained = (nowMs - this.#atMs) * this.#bytesPerMs;
    this.#bytes = Math.min(this.#bytesPerMs * BURST_MS, this.#bytes + gained);
    this.#atMs = nowMs;
  }
}
