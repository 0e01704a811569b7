import { LIMITS } from '../core/register-codec.ts';

/** Gathers records of one log until they make up a group that may be sent. */
export class GroupBuilder {
  readonly records: (readonly [n: number, body: Uint8Array])[] = [];
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** No further record fits; never true of an empty group. */
  get full(): boolean {
    if (this.records.length === 0) return false;
    return this.#bytes >= this.#maxBytes || this.records.length >= LIMITS.records;
  }

  add(n: number, body: Uint8Array): void {
    this.records.push([n, body]);
    this.#bytes += body.length;
  }
}
