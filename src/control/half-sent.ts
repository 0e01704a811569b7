import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Connections of clients at a time, those of which nothing was heard yet among them. */
const MAX_CONNECTIONS = 256;

/** How often in its time a connection is looked at. */
const LOOKS = 10;

/** What is known of a connection. */
interface Line {
  /** Its request; null: none has come yet, or the last one is answered. */
  request: IncomingMessage | null;
  /** What had come of it when it was looked at last. */
  bytes: number;
  /** For so many looks nothing has come. */
  still: number;
}

/**
 * The connections of the control socket. One whose request stops arriving is closed after its time,
 * and when there are too many the one that has been still for longest goes. One whose request is
 * being answered stays for as long as that takes. Looks are counted, not milliseconds: a peer that
 * stood still has not read what came meanwhile.
 */
export class HalfSent {
  /** Those that moved last are at the end. */
  readonly #lines = new Map<Socket, Line>();
  readonly #clock: NodeJS.Timeout;

  /** stillMs: the longest time in which nothing of a request comes. */
  constructor(stillMs: number) {
    this.#clock = setInterval(() => this.#look(), stillMs / LOOKS).unref();
  }

  /** A client has connected. */
  add(socket: Socket): void {
    this.#lines.set(socket, { request: null, bytes: 0, still: 0 });
    socket.on('close', () => this.#lines.delete(socket));
    if (this.#lines.size <= MAX_CONNECTIONS) return;
    this.#sort();
    const [stillest] = [...this.#lines].find(([, line]) => !isWhole(line)) ?? [];
    stillest?.destroy();
    if (stillest !== undefined) this.#lines.delete(stillest);
  }

  /** The head of a request has come. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    const line = this.#lines.get(request.socket);
    if (line === undefined) return;
    line.request = request;
    response.on('close', () => {
      line.request = null;
      line.still = 0;
    });
  }

  close(): void {
    clearInterval(this.#clock);
  }

  #look(): void {
    for (const line of this.#lines.values()) line.still += 1;
    this.#sort();
    for (const [socket, { still }] of this.#lines) {
      if (still >= LOOKS) socket.destroy();
    }
  }

  /** Puts those that moved since the last time at the end. */
  #sort(): void {
    for (const [socket, line] of [...this.#lines]) {
      const { bytesRead } = socket;
      const isMoving =
        bytesRead !== line.bytes || isWhole(line) || (line.request?.readableLength ?? 0) > 0;
      if (!isMoving) continue;
      line.bytes = bytesRead;
      line.still = 0;
      this.#lines.delete(socket);
      this.#lines.set(socket, line);
    }
  }
}

/** Nothing more of it is to come. */
function isWhole({ request }: Line): boolean {
  return request?.complete === true;
}
