import type { ComputationId } from '../../core/ids.ts';
import type { LivePiece } from '../../work/command/live-output.ts';

/** What waits for one client at most, in bytes; what is beyond comes with the results. */
const MOST_WAITING_BYTES = 4_194_304;

/** Computations of which pieces wait for a first client, and how many bytes of each. */
const MOST_UNHEARD = 16;
const MOST_UNHEARD_BYTES = 1_048_576;

/** What a command wrote that still runs. */
export interface IndexedPiece extends LivePiece {
  readonly index: number;
}

/** Pieces on their way to one client. */
export class PieceQueue {
  #waiting: IndexedPiece[] = [];
  #bytes = 0;
  #wake: () => void = () => undefined;

  /** Takes a piece in, if no more than so many bytes wait then. */
  push(piece: IndexedPiece, mostBytes: number = MOST_WAITING_BYTES): void {
    if (this.#bytes + piece.bytes.length > mostBytes) return;
    this.#bytes += piece.bytes.length;
    this.#waiting.push(piece);
    this.#wake();
  }

  /** What waits, and what comes until the signal. */
  async *pieces(signal: AbortSignal): AsyncGenerator<IndexedPiece> {
    const stop = (): void => this.#wake();
    signal.addEventListener('abort', stop, { once: true });
    try {
      while (!signal.aborted) {
        const pieces = this.#waiting;
        this.#waiting = [];
        this.#bytes = 0;
        yield* pieces;
        if (this.#waiting.length > 0 || signal.aborted) continue;
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}

/** Hands on what the commands of this peer write while they run to those who want to know. */
export class LiveOutputs {
  readonly #queues = new Map<ComputationId, Set<PieceQueue>>();
  /** What was written before anybody followed: a client comes when its job already runs. */
  readonly #unheard = new Map<ComputationId, PieceQueue>();

  /** Hands a piece to all who follow the computation. */
  tell(computation: ComputationId, index: number, piece: LivePiece): void {
    const indexed = { ...piece, index };
    const queues = this.#queues.get(computation);
    if (queues === undefined) this.#unheardOf(computation).push(indexed, MOST_UNHEARD_BYTES);
    else for (const queue of queues) queue.push(indexed);
  }

  /** What commands of a computation write here from now on; `end` is to be called. */
  follow(computation: ComputationId): { readonly queue: PieceQueue; end(): void } {
    const queue = this.#unheard.get(computation) ?? new PieceQueue();
    this.#unheard.delete(computation);
    const queues = this.#queues.get(computation) ?? new Set();
    this.#queues.set(computation, queues.add(queue));
    return {
      queue,
      end: () => {
        queues.delete(queue);
        if (queues.size === 0) this.#queues.delete(computation);
      },
    };
  }

  /** Drops what waits for nobody. */
  forget(computation: ComputationId): void {
    this.#unheard.delete(computation);
  }

  #unheardOf(computation: ComputationId): PieceQueue {
    const queue = this.#unheard.get(computation) ?? new PieceQueue();
    this.#unheard.set(computation, queue);
    const [oldest] = this.#unheard.keys();
    if (this.#unheard.size > MOST_UNHEARD && oldest !== undefined) this.#unheard.delete(oldest);
    return queue;
  }
}
