import { setTimeout as sleep } from 'node:timers/promises';
import { decode, encode, hexToBytes } from '../../core/codec.ts';
import { bytes, check, hash, oneOf, tuple, whole } from '../../core/form.ts';
import type { ComputationId, PeerId } from '../../core/ids.ts';
import { MeshError } from '../../core/mesh-error.ts';
import type { Network } from '../../net/network.ts';
import type { IndexedPiece, LiveOutputs, PieceQueue } from './live-outputs.ts';

/** What members ask one another for: what commands of a computation write. */
const TOPIC = 'output';

/** Between two looks for members that were not asked yet. */
const LOOK_MS = 500;

/** A member that gave no answer is asked again after this time. */
const AGAIN_MS = 5000;

/** Members that are asked at once for one client. */
const MOST_ASKED = 64;

/** Clients for which others are asked at once: there is other work for the streams. */
const MOST_CLIENTS = 4;

/** The longest piece, and its frame. */
const MOST_PIECE_BYTES = 1_048_576;
const MOST_PART_BYTES = MOST_PIECE_BYTES + 256;

const pieceForm = tuple(
  whole(0, Number.MAX_SAFE_INTEGER),
  oneOf('stdout', 'stderr'),
  whole(0, Number.MAX_SAFE_INTEGER),
  whole(0, Number.MAX_SAFE_INTEGER),
  bytes(MOST_PIECE_BYTES),
);

/** What commands of a computation write on all machines of a mesh while they run. */
export class MeshOutputs {
  readonly #live: LiveOutputs;
  #network: Network | null = null;
  #clients = 0;

  constructor(live: LiveOutputs) {
    this.#live = live;
  }

  /** Takes the network in, and answers members from now on. */
  connect(network: Network): void {
    this.#network = network;
    network.serve(TOPIC, (_, request, signal) => this.#answer(request, signal));
  }

  /** Pieces from now on, until the signal. */
  async *follow(computation: ComputationId, signal: AbortSignal): AsyncGenerator<IndexedPiece> {
    const { queue, end } = this.#live.follow(computation);
    const left = new AbortController();
    const ended = AbortSignal.any([signal, left.signal]);
    const asking = this.#askOthers(computation, queue, ended);
    try {
      yield* queue.pieces(ended);
    } finally {
      end();
      left.abort();
      await asking;
    }
  }

  async *#answer(request: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const wanted = hash(request);
    if (typeof wanted !== 'string') throw new MeshError('MESH_REFUSED', 'no computation’s id');
    const { queue, end } = this.#live.follow(wanted);
    try {
      for await (const { index, name, at, startedMs, bytes } of queue.pieces(signal)) {
        yield encode([index, name, at, startedMs, bytes]);
      }
    } finally {
      end();
    }
  }

  /** Asks all connected members, and those that come; resolves after the signal. */
  async #askOthers(
    computation: ComputationId,
    queue: PieceQueue,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#network === null || this.#clients >= MOST_CLIENTS) return;
    this.#clients += 1;
    const asked = new Set<PeerId>();
    try {
      while (!signal.aborted) {
        const members = this.#network.connections().map(({ peer }) => peer);
        for (const peer of new Set(members)) {
          if (asked.has(peer) || asked.size >= MOST_ASKED) continue;
          asked.add(peer);
          void this.#ask(this.#network, peer, computation, queue, signal).then(async (isOver) => {
            if (isOver) return;
            await rest(AGAIN_MS, signal);
            asked.delete(peer);
          });
        }
        await rest(LOOK_MS, signal);
      }
    } finally {
      this.#clients -= 1;
    }
  }

  /** False when the member may be asked again. */
  async #ask(
    network: Network,
    peer: PeerId,
    computation: ComputationId,
    queue: PieceQueue,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      for await (const part of network.ask(peer, TOPIC, hexToBytes(computation), { signal })) {
        const piece = pieceOf(part);
        // Who sends what is no piece is not listened to.
        if (piece === null) return true;
        queue.push(piece);
      }
      return true;
    } catch (error) {
      // What does not come this way comes with the results.
      return error instanceof MeshError && error.code === 'MESH_REFUSED';
    }
  }
}

function pieceOf(part: Uint8Array): IndexedPiece | null {
  const decoded = decode(part, MOST_PART_BYTES);
  const checked = 'value' in decoded ? check(pieceForm, decoded.value) : decoded;
  if ('rejected' in checked) return null;
  const [index, name, at, startedMs, bytes] = checked.value;
  return { index, name, at, startedMs, bytes };
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
