import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ComputationId } from '../../core/ids.ts';
import type { NamedFiles } from '../../work/command/named-files.ts';

/** What became of the outputs of one command. */
export type Delivery =
  /** They were written, by name in the publisher's folder, and left so. */
  | { readonly index: number; readonly files: NamedFiles }
  /** They never will be: one line. */
  | { readonly index: number; readonly problem: string };

/** What became of outputs, computation by computation, in files of the home: a JSON line each. */
export class DeliveryLog {
  readonly #folder: string;
  readonly #computations = new Map<ComputationId, Map<number, Delivery>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  get(computation: ComputationId, index: number): Delivery | undefined {
    return this.#of(computation).get(index);
  }

  /** Notes what became of the outputs of a command; it is on its way to the disk then. */
  add(computation: ComputationId, delivery: Delivery): void {
    this.#of(computation).set(delivery.index, delivery);
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    appendFileSync(this.#path(computation), `${JSON.stringify(delivery)}\n`, {
      mode: 0o600,
      flush: true,
    });
  }

  forget(computation: ComputationId): void {
    this.#computations.delete(computation);
    rmSync(this.#path(computation), { force: true });
  }

  #of(computation: ComputationId): Map<number, Delivery> {
    const known = this.#computations.get(computation);
    if (known !== undefined) return known;
    const read = new Map<number, Delivery>();
    for (const line of this.#lines(computation)) {
      const delivery = deliveryOf(line);
      if (delivery !== null) read.set(delivery.index, delivery);
    }
    this.#computations.set(computation, read);
    return read;
  }

  #lines(computation: ComputationId): string[] {
    try {
      return readFileSync(this.#path(computation), 'utf8').split('\n');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  #path(computation: ComputationId): string {
    return join(this.#folder, computation);
  }
}

/** Null for a line that was cut off by a power cut. */
function deliveryOf(line: string): Delivery | null {
  try {
    return line === '' ? null : (JSON.parse(line) as Delivery);
  } catch {
    return null;
  }
}
