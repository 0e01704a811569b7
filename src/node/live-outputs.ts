import type { ComputationId } from '../core/ids.ts';
import type { LivePiece } from '../work/command/live-output.ts';
import type { OutputPiece } from './mesh.ts';

/** What waits for one client at most, in bytes; what is beyond comes with the results. */
const MOST_WAITING_BYTES = 4_194_304;

/** Computations of which pieces wait for a first client. */
const MOST_UNHEARD = 16;

/** A client that is told what commands write. */
interface Follower {
  readonly waiting: OutputPiece[];
  bytes: number;
  wake: () => void;
}

const newFollower = (): Follower => ({ waiting: [], bytes: 0, wake: () => undefined });

/** Hands on what the commands of this peer write while they run to those who want to know. */
export class LiveOutputs {
  readonly #followers = new Map<ComputationId, Set<Follower>>();
  /** What was written before anybody followed: a client comes when its job already runs. */
  readonly #unheard = new Map<ComputationId, Follower>();

  /** Hands a piece to all who follow the computation. */
  tell(computation: ComputationId, index: number, { name, at, bytes, startedMs }: LivePiece): void {
    const followers = this.#followers.get(computation) ?? [this.#noFollower(computation)];
    const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
    for (const follower of followers) {
      if (follower.bytes + base64.length > MOST_WAITING_BYTES) continue;
      follower.bytes += base64.length;
      follower.waiting.push({ index, name, at, base64, startedMs });
      follower.wake();
    }
  }

  #noFollower(computation: ComputationId): Follower {
    const waiting = this.#unheard.get(computation) ?? newFollower();
    this.#unheard.set(computation, waiting);
    const [oldest] = this.#unheard.keys();
    if (this.#unheard.size > MOST_UNHEARD && oldest !== undefined) this.#unheard.delete(oldest);
    return waiting;
  }

  /** What commands of a computation write from now on, until the signal. */
  async *follow(computation: ComputationId, signal: AbortSignal): AsyncGenerator<OutputPiece> {
    const follower = this.#unheard.get(computation) ?? newFollower();
    this.#unheard.delete(computation);
    const followers = this.#followers.get(computation) ?? new Set();
    this.#followers.set(computation, followers.add(follower));
    const stop = (): void => follower.wake();
    signal.addEventListener('abort', stop, { once: true });
    try {
      while (!signal.aborted) {
        const pieces = follower.waiting.splice(0);
        follower.bytes = 0;
        yield* pieces;
        if (follower.waiting.length > 0 || signal.aborted) continue;
        const { promise, resolve } = Promise.withResolvers<void>();
        follower.wake = resolve;
        await promise;
      }
    } finally {
      signal.removeEventListener('abort', stop);
      followers.delete(follower);
      if (followers.size === 0) this.#followers.delete(computation);
    }
  }
}
