import { type BareExecutor, type Casing, sameCasing } from './bare-executor.ts';

/** Spares at most, however many slots there are: each takes some 27 MB of its own. */
const MOST = 4;
/** How long nothing has run before they are started, in ms. */
const QUIET_MS = 200;

/** How spares are started, and kept. */
export interface SparesOptions {
  /** @throws Error of the system where no process can be started */
  start(casing: Casing): BareExecutor;
  /** How long one that nobody takes is kept, in ms. */
  readonly idleMs: number;
}

/**
 * Executors that are started before they are needed, once nothing runs any more: most of an
 * executor's start is that of its process. They are like the last one that was used, for the next
 * job mostly has the same limits and sandbox.
 */
export class Spares {
  readonly #options: SparesOptions;
  #slots: number;
  #spares: BareExecutor[] = [];
  #quiet: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: SparesOptions, slots: number) {
    this.#options = options;
    this.#slots = slots;
  }

  /** One that was started for this, or null. */
  take(casing: Casing): BareExecutor | null {
    const found = this.#spares.find((spare) => spare.alive && sameCasing(spare.casing, casing));
    if (found === undefined) return null;
    this.#spares = this.#spares.filter((spare) => spare !== found);
    return found;
  }

  /** Something runs: nothing is started beside it. */
  wait(): void {
    clearTimeout(this.#quiet);
  }

  /** Nothing runs: if that stays so for a moment, there are as many spares as slots, at most 4. */
  prepare(casing: Casing): void {
    clearTimeout(this.#quiet);
    const { reads, writes } = casing.sandbox;
    // What is opened to a job is looked at when it is opened.
    if (this.#closed || reads.length > 0 || writes.length > 0) return;
    this.#quiet = setTimeout(() => this.#fill(casing), QUIET_MS).unref();
  }

  resize(slots: number): void {
    this.#slots = slots;
  }

  /** Ends all of them. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#quiet);
    for (const spare of this.#spares) spare.kill();
    this.#spares = [];
  }

  #fill(casing: Casing): void {
    const isFit = (spare: BareExecutor): boolean => sameCasing(spare.casing, casing);
    for (const spare of this.#spares) if (!isFit(spare)) spare.kill();
    this.#spares = this.#spares.filter(isFit);
    try {
      while (this.#spares.length < Math.min(this.#slots, MOST)) this.#add(casing);
    } catch {
      // Whoever needs one tries it again, and tells.
    }
  }

  #add(casing: Casing): void {
    const spare = this.#options.start(casing);
    this.#spares.push(spare);
    const clock = setTimeout(() => this.#drop(spare), this.#options.idleMs).unref();
    void spare.gone.then(() => {
      clearTimeout(clock);
      this.#spares = this.#spares.filter((each) => each !== spare);
    });
  }

  /** Ends one that nobody took. */
  #drop(spare: BareExecutor): void {
    if (this.#spares.includes(spare)) spare.kill();
  }
}
