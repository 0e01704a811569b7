import type { PeerId } from '../../src/core/ids.ts';
import type { Message } from '../../src/core/message.ts';
import type { NetworkHandlers } from '../../src/net/network.ts';

/** What a network told, in order, and promises of what it will tell. */
export class Recorder implements NetworkHandlers {
  readonly messages: { readonly from: PeerId; readonly message: Message }[] = [];
  readonly ups: PeerId[] = [];
  readonly downs: { readonly peer: PeerId; readonly reset: boolean }[] = [];
  readonly refusals: PeerId[] = [];
  readonly logs: { readonly event: string; readonly fields: object }[] = [];
  readonly #waiters = new Set<() => void>();

  message(from: PeerId, message: Message): void {
    this.messages.push({ from, message });
    this.#changed();
  }

  connected(peer: PeerId): void {
    this.ups.push(peer);
    this.#changed();
  }

  disconnected(peer: PeerId, reset: boolean): void {
    this.downs.push({ peer, reset });
    this.#changed();
  }

  refused(peer: PeerId): void {
    this.refusals.push(peer);
    this.#changed();
  }

  addresses(): void {
    this.#changed();
  }

  log(_level: string, event: string, fields: object): void {
    this.logs.push({ event, fields });
    this.#changed();
  }

  /** Resolves once `isTrue` holds; checked after each thing told. Rejects after `limitMs`. */
  until(isTrue: (recorder: Recorder) => boolean, limitMs = 15_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (!isTrue(this)) return;
        clearTimeout(timer);
        this.#waiters.delete(check);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(check);
        const told = { ups: this.ups, downs: this.downs, logs: this.logs.slice(-10) };
        reject(new Error(`waited in vain; told: ${JSON.stringify(told)}`));
      }, limitMs);
      this.#waiters.add(check);
      check();
    });
  }

  #changed(): void {
    for (const check of this.#waiters) check();
  }
}
