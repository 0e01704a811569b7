import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { deserialize } from 'node:v8';
import { check } from '../core/form.ts';
import { faultOfBytes } from './executor-bytes.ts';
import { fromExecutorForm } from './executor-check.ts';
import { FROM_PEER_FD, TO_PEER_FD } from './executor-descriptors.ts';
import { FrameReader, frameOf, MOST_FRAME_BYTES } from './executor-frame.ts';
import type { FromExecutor, ToExecutor } from './executor-message.ts';

/** The longest time in which nothing of a message comes that has begun, in ms. */
const STILL_MS = 10_000;
/** How often in its time it is looked at. */
const LOOKS = 10;
/** Messages that are taken at once, and then in each second; more have to wait. */
const BURST_MESSAGES = 10_000;
const MESSAGES_PER_SECOND = 2000;
/** A longer one counts as several: the peer has to look at all of it. */
const MESSAGE_BYTES = 16_384;
/** Nothing was taken of it for a while. */
const PAUSE_MS = 100;
/** What was told and is not read, when there is more to tell, in bytes. */
const MOST_UNREAD_BYTES = 1_048_576;

/** Who hears a channel. */
export interface ChannelListener {
  /** A message of good form. */
  hear(message: FromExecutor): void;
  /** What cannot come from an executor that is itself, in words. Nothing is heard after it. */
  fault(why: string): void;
  /** All was heard; also after `close`. */
  ended(): void;
}

/**
 * The peer's end of the channel to an executor. User code may have taken that one over, so nothing
 * that comes is trusted, nothing throws, and nothing is kept but one message that is not whole. One
 * that has begun and does not go on is a fault. Looks are counted, not milliseconds: a peer that
 * stood still has not read what came meanwhile.
 */
export class ExecutorChannel {
  readonly #in: Socket | null;
  readonly #out: Socket | null;
  readonly #listener: ChannelListener;
  readonly #stillMs: number;
  readonly #frames = new FrameReader(MOST_FRAME_BYTES);
  #clock: NodeJS.Timeout | undefined;
  #pausing: NodeJS.Timeout | undefined;
  #bytes = 0;
  #still = 0;
  #room = BURST_MESSAGES;
  #filledMs = performance.now();
  #isClosed = false;
  /** The other end of one of its two ways is closed. */
  #isOver = false;
  #hasEnded = false;

  /** stillMs: the longest time in which nothing of a message comes. @default 10 000 */
  constructor(child: ChildProcess, listener: ChannelListener, stillMs: number = STILL_MS) {
    this.#listener = listener;
    this.#stillMs = stillMs;
    this.#in = socketOf(child, TO_PEER_FD);
    this.#out = socketOf(child, FROM_PEER_FD);
    // A failed write means that the process is dying; its exit is heard anyway.
    this.#out?.on('error', () => undefined);
    this.#out?.on('data', () => this.#fault('it writes where it is to read'));
    this.#out?.on('close', () => this.#lose());
    this.#in?.on('error', () => undefined);
    this.#in?.on('data', (piece: Buffer) => this.#take(piece));
    this.#in?.on('end', () => this.#end());
    this.#in?.on('close', () => this.#end());
    if (this.#in === null) this.#hasEnded = true;
  }

  /** All was heard. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Tells the executor something, if it is there. */
  tell(message: ToExecutor): void {
    if (this.#isClosed || this.#out === null || this.#out.destroyed) return;
    // It would have read that before it came to need more.
    if (this.#out.writableLength > MOST_UNREAD_BYTES) this.#fault('it does not read');
    else this.#out.write(frameOf(message));
  }

  /** Hears and tells nothing more. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#clock);
    clearTimeout(this.#pausing);
    this.#in?.destroy();
    this.#out?.destroy();
    this.#end();
  }

  #take(piece: Buffer): void {
    for (const body of this.#frames.take(piece)) {
      this.#room -= Math.ceil(body.length / MESSAGE_BYTES);
      const bad = faultOfBytes(body);
      if (bad !== null) return this.#fault(bad);
      const read = check(fromExecutorForm, decoded(body));
      if ('rejected' in read) return this.#fault(read.rejected);
      this.#listener.hear(read.value);
      if (this.#isClosed) return;
    }
    const { fault } = this.#frames;
    if (fault !== null) return this.#fault(fault);
    if (this.#frames.isHalf) this.#watch();
    if (this.#room < 0) this.#pause();
  }

  /** Messages that come faster than any work wait in the executor, which waits with them. */
  #pause(): void {
    const now = performance.now();
    const filled = this.#room + ((now - this.#filledMs) / 1000) * MESSAGES_PER_SECOND;
    this.#room = Math.min(BURST_MESSAGES, filled);
    this.#filledMs = now;
    if (this.#room >= 0) return;
    this.#in?.pause();
    this.#pausing = setTimeout(() => {
      this.#pausing = undefined;
      this.#pause();
      if (this.#pausing === undefined) this.#in?.resume();
    }, PAUSE_MS);
  }

  #watch(): void {
    if (this.#clock !== undefined) return;
    this.#still = 0;
    this.#clock = setInterval(() => this.#look(), this.#stillMs / LOOKS).unref();
  }

  #look(): void {
    const bytes = this.#in?.bytesRead ?? 0;
    const isMoving = bytes !== this.#bytes || this.#pausing !== undefined;
    this.#still = isMoving && !this.#isOver ? 0 : this.#still + 1;
    this.#bytes = bytes;
    if (!this.#frames.isHalf && !this.#isOver) {
      clearInterval(this.#clock);
      this.#clock = undefined;
    } else if (this.#still >= LOOKS) {
      this.#fault(this.#isOver ? 'it closed it and lives on' : 'half a message and no more');
    }
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#lose();
    this.#listener.ended();
  }

  /** An executor that is about to exit has closed it as well. */
  #lose(): void {
    this.#isOver = true;
    if (!this.#isClosed) this.#watch();
  }

  #fault(why: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#listener.fault(why);
  }
}

/** What V8 makes of bytes; undefined where it makes nothing of them. */
function decoded(body: Buffer): unknown {
  try {
    return deserialize(body);
  } catch {
    return undefined;
  }
}

function socketOf(child: ChildProcess, descriptor: number): Socket | null {
  // None where no process started.
  const stream: unknown = child.stdio?.[descriptor];
  return stream instanceof Socket ? stream : null;
}
