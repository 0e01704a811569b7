import type { PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import type { AskHandler } from './network.ts';

/** The longest request, in bytes. */
export const MAX_REQUEST_BYTES: number = 64 * 1024;

/** The longest part of an answer, in bytes: a chunk of a file with some room for its head. */
export const MAX_PART_BYTES: number = 1024 * 1024 + 4096;

/** Questions to one peer at once; others wait for their turn. */
export const MAX_QUESTIONS: number = 8;

/** Answers that one peer may be given at once; what it asks beyond is refused. */
export const MAX_ANSWERS: number = 16;

/** What a peer serves to members, and to whom it is answering now. */
export class Topics {
  readonly #handlers = new Map<string, AskHandler>();
  readonly #running = new Map<PeerId, number>();

  /** Serves a topic from now on, in place of who served it before. */
  serve(topic: string, handler: AskHandler): void {
    this.#handlers.set(topic, handler);
  }

  /**
   * The answer to a request, part by part.
   * @throws MeshError MESH_REFUSED when nobody serves the topic here, or the peer asks too much at
   * once; what the handler throws; Error when a part is too long.
   */
  async *answer(
    from: PeerId,
    topic: string,
    request: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const handler = this.#handlers.get(topic);
    if (handler === undefined) {
      throw new MeshError('MESH_REFUSED', `the peer does not serve ${JSON.stringify(topic)}`);
    }
    const running = this.#running.get(from) ?? 0;
    if (running >= MAX_ANSWERS) {
      throw new MeshError(
        'MESH_REFUSED',
        `the peer gives ${MAX_ANSWERS} answers at once, not more`,
      );
    }
    this.#running.set(from, running + 1);
    try {
      for await (const part of handler(from, request, signal)) {
        signal.throwIfAborted();
        if (part.byteLength > MAX_PART_BYTES) {
          throw new Error(`a part of ${topic} has ${part.byteLength} bytes`);
        }
        yield part;
      }
      // Who stops for nobody listens has not come to the end.
      signal.throwIfAborted();
    } finally {
      const left = (this.#running.get(from) ?? 1) - 1;
      if (left > 0) this.#running.set(from, left);
      else this.#running.delete(from);
    }
  }
}

/** Why there is no answer, in a line for who asked: errors that nobody expected stay here. */
export function reasonOf(error: unknown): string {
  return error instanceof MeshError ? error.message : 'the peer could not answer';
}

/** Checks what somebody here wants to ask. @throws TypeError when it is too long. */
export function checkRequest(topic: string, request: Uint8Array): void {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(topic)) throw new TypeError(`${topic} is no topic`);
  if (request.byteLength > MAX_REQUEST_BYTES) {
    throw new TypeError(`a request of ${request.byteLength} bytes; ${MAX_REQUEST_BYTES} at most`);
  }
}
