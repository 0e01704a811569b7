interface Due {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

function before(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Virtual time: what is due runs in order, and nothing else moves the clock. In ms. */
export class EventQueue {
  /** Now. */
  now = 0;
  /** How many events have run. */
  count = 0;
  readonly #due: Due[] = [];
  #order = 0;

  /** Runs something at a time; what is due at the same time runs in the order it was put in. */
  at(time: number, run: () => void): void {
    const due = { at: Math.max(time, this.now), order: this.#order++, run };
    let child = this.#due.push(due) - 1;
    while (child > 0) {
      const parent = (child - 1) >>> 1;
      const above = this.#due[parent];
      if (above === undefined || !before(due, above)) break;
      this.#due[child] = above;
      child = parent;
    }
    this.#due[child] = due;
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.now + delayMs, run);
  }

  /** Runs what is due next, if that is not after an end. */
  step(end: number): boolean {
    const [first] = this.#due;
    if (first === undefined || first.at > end) return false;
    this.#removeFirst();
    this.now = first.at;
    this.count++;
    first.run();
    return true;
  }

  /** Runs all that is due until a time, and lets it be that time. */
  runTo(end: number): void {
    while (this.step(end));
    this.now = end;
  }

  #removeFirst(): void {
    const last = this.#due.pop();
    if (last === undefined || this.#due.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let least = this.#due[child];
      const right = this.#due[child + 1];
      if (right !== undefined && least !== undefined && before(right, least)) {
        least = right;
        child++;
      }
      if (least === undefined || before(last, least)) break;
      this.#due[at] = least;
      at = child;
    }
    this.#due[at] = last;
  }
}
