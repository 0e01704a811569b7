import type { Order, Outcome } from './system.ts';

/** Most calls that one bundle hands over. */
const BUNDLE = 1000;

interface Options {
  /** Hands calls over; results come by `settle`, in any order. */
  readonly submit: (indices: readonly number[]) => Promise<void>;
  /** Calls under way at most, of orders without accept. @default 2000 */
  readonly window?: number;
  /** The same with accept: what is under way at the end is lost. */
  readonly slots: number;
}

/** Orders over a system that takes calls and returns results one by one, first come first kept. */
export class Calls {
  readonly #options: Options;
  readonly #pending = new Set<number>();
  #next = 0;
  #done = 0;
  #accepted: number[] = [];
  #failure: Error | undefined;
  #look: () => void = () => undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The result of a call; null or undefined: rejected. A second one is left out. */
  settle(index: number, value: unknown): void {
    if (!this.#pending.delete(index)) return;
    this.#done += 1;
    if (value !== undefined && value !== null) this.#accepted.push(Number(value));
    this.#look();
  }

  /** A call that came to nothing ends the order. */
  fail(error: Error): void {
    this.#failure = error;
    this.#look();
  }

  async run({ units, accept = Number.POSITIVE_INFINITY }: Order): Promise<Outcome> {
    const { submit, slots, window: most = 2000 } = this.#options;
    const window = Number.isFinite(accept) ? slots : most;
    const last = this.#next + units;
    this.#pending.clear();
    this.#done = 0;
    this.#accepted = [];
    const start = performance.now();
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#accepted.length >= accept || this.#done === units) break;
      const room = Math.min(window - this.#pending.size, BUNDLE, last - this.#next);
      if (room > 0 && (room >= Math.min(window, BUNDLE) / 2 || this.#pending.size <= slots)) {
        const bundle = Array.from({ length: room }, (_, k) => this.#next + k);
        this.#next += room;
        for (const index of bundle) this.#pending.add(index);
        await submit(bundle);
      } else {
        await new Promise<void>((resolve) => {
          this.#look = resolve;
        });
      }
    }
    const seconds = (performance.now() - start) / 1000;
    const values = this.#accepted.slice(0, accept);
    this.#next = last;
    return { seconds, units: this.#done, needed: this.#done, values };
  }
}
