import { setTimeout as sleep } from 'node:timers/promises';
import type { ComputationId, JobId, PeerId } from '../../core/ids.ts';
import type { LogLevel } from '../../core/log-line.ts';
import { MeshError } from '../../core/mesh-error.ts';
import {
  collectLogs,
  type LogEntry,
  type LogSource,
  linesToSend,
  type MissingLog,
} from '../../logs/log-collection.ts';
import type { LogKeeper } from '../../logs/log-keeper.ts';
import { decodeLogRequest, encodeLogRequest, type LogRequest } from '../../logs/log-request.ts';
import type { Network } from '../../net/network.ts';
import type { Loop } from '../loop.ts';
import type { WaitOptions } from '../mesh.ts';

/** What members ask one another for: what candidates of a job logged. */
const TOPIC = 'logs';
/** A peer that is silent so long is named as missing, in ms. */
const PATIENCE_MS = 10_000;
/** From a job's end to the last of what its candidates logged, in ms. */
const LAST_MS = 500;
/** How long a peer that has just started waits for its members, in ms. */
const SETTLED_MS = 4000;
/** Between two looks for members that came, in ms. */
const LOOK_MS = 500;
/** Members that are asked for one client. */
const MOST_ASKED = 256;
/** Clients that follow at once: there is other work for the streams. */
const MOST_FOLLOWING = 2;

export interface LogOptions extends WaitOptions {
  /** Goes on with what comes until the job ends. @default false */
  readonly follow?: boolean;
  /** By name, or a unique beginning of its id: lines of that peer alone. @default all peers */
  readonly peer?: string;
  /** Lines of that candidate alone. @default all */
  readonly index?: number;
  /** Lines not below this level. @default debug */
  readonly level?: LogLevel;
}

/** What the candidates of jobs logged, here and on the other peers. */
export class JobLogs {
  readonly #loop: Loop;
  readonly #logs: LogKeeper;
  readonly #network: Network;
  #following = 0;

  /** Answers members from now on. */
  constructor(loop: Loop, logs: LogKeeper, network: Network) {
    this.#loop = loop;
    this.#logs = logs;
    this.#network = network;
    network.serve(TOPIC, (_, request, signal) => this.#answer(request, signal));
  }

  async *collect(
    job: { readonly id: JobId; readonly computation: ComputationId },
    options: LogOptions,
  ): AsyncGenerator<LogEntry> {
    const { follow = false, index = null, level = 'debug', signal } = options;
    const request = { job: job.id, computation: job.computation, index, level, follow };
    if (follow && this.#following >= MOST_FOLLOWING) {
      const text = `${MOST_FOLLOWING} clients follow logs through this peer already: end one`;
      throw new MeshError('MESH_REFUSED', text);
    }
    this.#following += follow ? 1 : 0;
    const stop = new AbortController();
    const end = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
    try {
      yield* this.#collect(request, options.peer, end);
      signal?.throwIfAborted();
    } finally {
      stop.abort();
      this.#following -= follow ? 1 : 0;
    }
  }

  async *#collect(
    request: LogRequest,
    peer: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<LogEntry> {
    await this.#settled(signal);
    const chosen = peer === undefined ? null : this.#peerNamed(peer, request.computation);
    const isWanted = (id: PeerId): boolean => chosen === null || chosen === id;
    const own = this.#loop.state.self.peer;
    const peers = [own, ...this.#connected()].filter(isWanted).slice(0, MOST_ASKED);
    yield* this.#missing(request.computation, peers, isWanted);
    const asked = new Set(peers);
    const newcomers = (): LogSource[] => {
      const some = this.#connected().filter((id) => isWanted(id) && !asked.has(id));
      for (const id of some) asked.add(id);
      return some.map((id) => this.#source(id, request));
    };
    yield* collectLogs({
      sources: peers.map((id) => this.#source(id, request)),
      ...(request.follow
        ? {
            over: this.#ended(request.job, signal),
            newcomers: () => sleep(LOOK_MS, undefined, { signal }).then(newcomers),
          }
        : {}),
      lost: (id) => asked.delete(id),
      patienceMs: PATIENCE_MS,
      signal,
    });
  }

  /** Peers that have, or may have, lines, and that cannot be asked. */
  *#missing(
    computation: ComputationId,
    asked: readonly PeerId[],
    isWanted: (peer: PeerId) => boolean,
  ): Generator<MissingLog> {
    const { state } = this.#loop;
    const now = this.#loop.now();
    const views = new Map(state.roster.all());
    const alive = [...views].flatMap(([peer, view]) =>
      state.roster.state(view, now) === 'dead' ? [] : [peer],
    );
    const wrote = state.logs.summary(computation).map(({ origin }) => origin);
    for (const peer of new Set([...wrote, ...alive])) {
      if (asked.includes(peer) || !isWanted(peer)) continue;
      const isAlive = alive.includes(peer);
      yield { missing: peer, why: isAlive ? 'it is not connected' : 'it is not there' };
    }
  }

  #source(peer: PeerId, request: LogRequest): LogSource {
    if (peer === this.#loop.state.self.peer) {
      return { peer, open: (signal) => this.#own(request, signal) };
    }
    const bytes = encodeLogRequest(request);
    return {
      peer,
      open: (signal) => texts(this.#network.ask(peer, TOPIC, bytes, { signal })),
    };
  }

  async *#answer(bytes: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const request = decodeLogRequest(bytes);
    if (request === null) throw new MeshError('MESH_REFUSED', 'no request for logs');
    const encoder = new TextEncoder();
    for await (const piece of this.#own(request, signal)) yield encoder.encode(piece);
  }

  /** The lines that are here; with `follow` also those to come, until the job has ended here. */
  #own({ job, computation, follow, ...filter }: LogRequest, signal: AbortSignal) {
    const stop = new AbortController();
    const end = AbortSignal.any([signal, stop.signal]);
    if (follow) {
      this.#ended(job, signal)
        .then(() => sleep(LAST_MS, undefined, { signal }))
        .catch(() => undefined)
        .finally(() => stop.abort());
    }
    return linesToSend(
      (caughtUp) => this.#logs.read(computation, follow ? { follow: end, caughtUp } : {}),
      filter,
    );
  }

  /** Resolves once a job has ended as far as this peer knows, which may hear of it later. */
  async #ended(job: JobId, signal: AbortSignal): Promise<void> {
    const { jobs } = this.#loop.state;
    while (!jobs.has(job)) await sleep(LOOK_MS, undefined, { signal });
    while (jobs.get(job)?.active === true) await this.#loop.changed(job, signal);
  }

  #connected(): PeerId[] {
    return [...new Set(this.#network.connections().map(({ peer }) => peer))];
  }

  /** A peer that has just started is not connected to all whom it knows. */
  async #settled(signal: AbortSignal): Promise<void> {
    while (this.#loop.now() < SETTLED_MS) {
      const connected = new Set(this.#connected());
      if (this.#loop.memberIds.every((peer) => connected.has(peer))) return;
      await sleep(50, undefined, { signal });
    }
  }

  /** @throws MeshError MESH_USAGE, MESH_AMBIGUOUS */
  #peerNamed(reference: string, computation: ComputationId): PeerId {
    const { state } = this.#loop;
    const known = new Map<PeerId, string>([[state.self.peer, state.self.name]]);
    for (const { origin } of state.logs.summary(computation)) known.set(origin, '');
    for (const [peer, { register }] of state.roster.all()) known.set(peer, register.name);
    const fits = [...known].filter(([peer, name]) => {
      return name === reference || (reference !== '' && peer.startsWith(reference));
    });
    const [first, second] = fits;
    const shown = JSON.stringify(reference);
    if (first === undefined) {
      const text = `no peer ${shown} is known here: see \`meshd peers\``;
      throw new MeshError('MESH_USAGE', text);
    }
    if (second === undefined) return first[0];
    throw new MeshError(
      'MESH_AMBIGUOUS',
      `${shown} fits ${fits.length} peers: give more of its id`,
    );
  }
}

async function* texts(parts: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const part of parts) yield decoder.decode(part, { stream: true });
}
