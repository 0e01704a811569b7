import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import type { PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import {
  ASK_FRAME,
  decodeQuestion,
  decodeRefusal,
  encodeQuestion,
  encodeRefusal,
  MAX_ASK_FRAME_BYTES,
} from './ask-frames.ts';
import { closeOrAbort } from './close-or-abort.ts';
import { encodeFrame } from './frame.ts';
import { FrameStream } from './frame-stream.ts';
import { Places } from './places.ts';
import { checkRequest, MAX_ANSWERS, MAX_QUESTIONS, reasonOf, type Topics } from './topics.ts';

/** How long a stream may take to open. */
const OPEN_MS = 10_000;

/** How long nothing at all may come of an answer. */
const SILENCE_MS = 30_000;

/** How often an answer that has nothing to say yet shows that it is coming. */
const STILL_MS = 10_000;

/** How long whoever asked may take nothing of the answer. */
const STALL_MS = 120_000;

/** What asks need of the network. */
export interface AsksOptions {
  readonly node: Libp2p;
  readonly protocol: string;
  readonly topics: Topics;
  /** The connection that carries what is sent to a member. */
  readonly connectionTo: (peer: PeerId) => Connection | undefined;
  readonly log: (event: string, fields: object) => void;
}

/**
 * Questions to members and their answers, each on a stream of its own beside the messages. What is
 * under way of an answer is bounded by the stream's window, so that heartbeats get through.
 */
export class Asks {
  readonly #options: AsksOptions;
  readonly #places = new Places(MAX_QUESTIONS);
  readonly #closing = new AbortController();

  constructor(options: AsksOptions) {
    this.#options = options;
  }

  /** Makes the node accept questions; to be called before it starts. */
  async register(): Promise<void> {
    const { node, protocol } = this.#options;
    await node.handle(
      protocol,
      (stream, connection) => {
        this.#serve(stream, connection.remotePeer.toString()).catch((error: unknown) => {
          stream.abort(error as Error);
        });
      },
      {
        // One more than is answered, so that who asks too much is told so.
        maxInboundStreams: MAX_ANSWERS + 1,
        maxOutboundStreams: MAX_ANSWERS + 1,
        runOnLimitedConnection: true,
      },
    );
  }

  /** See Network.ask. */
  async *ask(
    peer: PeerId,
    topic: string,
    request: Uint8Array,
    options: { signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    checkRequest(topic, request);
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const leave = await this.#places.take(peer, signal);
    let stream: Stream | null = null;
    let isWhole = false;
    try {
      stream = await this.#open(peer, signal);
      const frames = new FrameStream(stream, MAX_ASK_FRAME_BYTES);
      await frames.write(encodeQuestion(topic, request), SILENCE_MS, signal);
      for (;;) {
        const frame = await frames.read(SILENCE_MS, signal);
        if (frame?.kind === ASK_FRAME.part) {
          yield frame.body;
        } else if (frame?.kind === ASK_FRAME.refused) {
          throw new MeshError('MESH_REFUSED', decodeRefusal(frame.body));
        } else if (frame?.kind === ASK_FRAME.end) {
          isWhole = true;
          return;
        } else if (frame?.kind !== ASK_FRAME.still) {
          throw new Error('the answer broke off');
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MeshError) throw error;
      throw noAnswer(peer, error);
    } finally {
      if (isWhole && stream !== null) void closeOrAbort(stream);
      else stream?.abort(new Error('the answer is not wanted any more'));
      leave();
    }
  }

  /** Ends all questions and answers. */
  close(): void {
    this.#closing.abort(new MeshError('MESH_STOPPED', 'this peer is closing'));
  }

  async #open(peer: PeerId, signal: AbortSignal): Promise<Stream> {
    const { connectionTo, protocol } = this.#options;
    const connection = connectionTo(peer);
    if (connection?.status !== 'open') {
      throw new MeshError('MESH_NO_PEER', `${peer} is not connected to this peer`);
    }
    try {
      return await connection.newStream(protocol, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(OPEN_MS)]),
        runOnLimitedConnection: true,
      });
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'UnsupportedProtocolError') throw error;
      throw new MeshError('MESH_REFUSED', `${peer} runs a meshd that answers no questions`);
    }
  }

  async #serve(stream: Stream, from: PeerId): Promise<void> {
    const { topics, log } = this.#options;
    const ended = new AbortController();
    stream.addEventListener('close', () => ended.abort(new Error('the stream ended')));
    const signal = AbortSignal.any([ended.signal, this.#closing.signal]);
    const frames = new FrameStream(stream, MAX_ASK_FRAME_BYTES);
    const first = await frames.read(SILENCE_MS, signal);
    const question = first?.kind === ASK_FRAME.question ? decodeQuestion(first.body) : null;
    if (question === null) throw new Error('no question');
    const still = setInterval(() => {
      if (stream.writableNeedsDrain || stream.writeStatus !== 'writable') return;
      stream.send(encodeFrame(ASK_FRAME.still, new Uint8Array()));
    }, STILL_MS);
    try {
      checkRequest(question.topic, question.request);
      const { topic, request } = question;
      for await (const part of topics.answer(from, topic, request, signal)) {
        await frames.write(encodeFrame(ASK_FRAME.part, part), STALL_MS, signal);
      }
      await frames.write(encodeFrame(ASK_FRAME.end, new Uint8Array()), STALL_MS, signal);
    } catch (error) {
      log('ask.failed', { peer: from, topic: question.topic, reason: String(error) });
      if (signal.aborted) throw error;
      await frames.write(encodeRefusal(reasonOf(error)), STALL_MS, signal);
    } finally {
      clearInterval(still);
    }
    await closeOrAbort(stream);
  }
}

function noAnswer(peer: PeerId, cause: unknown): MeshError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new MeshError('MESH_NO_PEER', `no whole answer of ${peer}: ${why}`, { cause });
}
