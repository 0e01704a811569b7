import { setTimeout as sleep } from 'node:timers/promises';
import type { ComputationId, PeerId } from '../../core/ids.ts';
import { type Interval, IntervalSet } from '../../core/interval-set.ts';
import type { JobState } from '../../core/job-state.ts';
import type { FileStore } from '../../files/file-store.ts';
import type { Network } from '../../net/network.ts';
import type { Loop } from '../loop.ts';
import { filesOfItem, sendingOf } from './sent-files.ts';

/** What members ask one another for: the commands of a computation whose inputs they have. */
const TOPIC = 'inputs';

/** Items read at a time. */
const ITEMS = 1024;

/** Members that are asked at most. */
const MOST_ASKED = 32;

/** Inputs that are sent sooner than anybody should wait for who has them, in bytes together. */
const WORTH_BYTES = 1024 * 1024;

/** The most spans of an answer: what is beyond them is not told. */
const MOST_SPANS = 4096;

/**
 * After so many ms the core is told what members have answered until then: what was claimed
 * meanwhile has not begun, for commands wait for two heartbeats.
 */
const SOON_MS = 1200;

/** The longest wait for the answer of a member, in ms. */
const ANSWER_MS = 5000;

/** The longest wait for word of a computation that a member asks about, in ms. */
const UNHEARD_MS = 4000;

/** Between two looks whether it was heard of, in ms. */
const AGAIN_MS = 50;

/** What is here of the inputs of a computation's commands. */
interface Stock {
  /** Commands that need a file which is not here. */
  readonly far: readonly Interval[];
  /** Commands that need much of files, all of which is here. */
  readonly near: readonly Interval[];
}

/**
 * Looks once for each computation which of its commands find their inputs here, and which with
 * other members, and tells the core: those of the first kind come first here, those of the second
 * last.
 */
export class InputHoldings {
  readonly #store: FileStore;
  readonly #loop: Loop;
  readonly #network: Network;
  readonly #signal: AbortSignal;
  /** Null: of one's own commands, or of such as are sent no files. */
  readonly #stocks = new Map<ComputationId, Promise<Stock | null>>();
  /** Computations of which something changed since they were looked at. */
  readonly #changed = new Set<ComputationId>();

  constructor(store: FileStore, loop: Loop, network: Network, signal: AbortSignal) {
    this.#store = store;
    this.#loop = loop;
    this.#network = network;
    this.#signal = signal;
    network.serve(TOPIC, (_, request) => this.#answer(new TextDecoder().decode(request)));
  }

  /** A job is known, or changed. */
  look(job: JobState): void {
    const { computation } = job;
    const { id, isPure } = computation;
    if (!job.active || isPure) return;
    if (this.#stocks.has(id)) {
      this.#changed.add(id);
      return;
    }
    this.#changed.delete(id);
    const stock = this.#stockOf(job);
    this.#stocks.set(id, stock);
    stock
      .then((found) => this.#tell(job, found))
      .catch(() => {
        // Its items were not here yet. The change by which they came may have been meanwhile.
        this.#stocks.delete(id);
        if (this.#changed.has(id)) this.look(job);
      });
  }

  forget(computation: ComputationId): void {
    this.#stocks.delete(computation);
    this.#changed.delete(computation);
  }

  async #stockOf({ computation, manifest }: JobState): Promise<Stock | null> {
    const { program, items } = await this.#loop.inputs(computation.id);
    if (!sendingOf(program).transfer || items === undefined) return null;
    if (computation.spec.commandsOf === this.#loop.state.self.peer) return { far: [], near: [] };
    const { count } = manifest.target;
    const [far, near] = [new IntervalSet(), new IntervalSet()];
    for (let lo = 0; lo < count; lo += ITEMS) {
      const texts = await items(lo, Math.min(count, lo + ITEMS));
      for (const [k, text] of texts.entries()) {
        const sends = filesOfItem(text)?.sends ?? [];
        if (sends.length === 0) continue;
        const isHere = await this.#hasAll(sends.map(({ hash }) => hash));
        const bytes = sends.reduce((sum, file) => sum + file.bytes, 0);
        if (!isHere) far.add(lo + k, lo + k + 1);
        else if (bytes >= WORTH_BYTES) near.add(lo + k, lo + k + 1);
      }
    }
    return { far: far.toArray(), near: near.toArray() };
  }

  async #hasAll(hashes: readonly string[]): Promise<boolean> {
    for (const hash of hashes) if (!(await this.#store.has(hash))) return false;
    return true;
  }

  async #tell({ computation: { id, spec }, manifest }: JobState, stock: Stock | null) {
    if (stock === null) return;
    const others = this.#network
      .connections()
      .map(({ peer }) => peer)
      .filter((peer) => peer !== spec.commandsOf)
      .slice(0, MOST_ASKED);
    const { count } = manifest.target;
    const held = new Map<PeerId, Interval[]>();
    const tell = (): void => {
      const { far } = stock;
      this.#loop.dispatch({ kind: 'nearness', computation: id, far, held: new Map(held) });
    };
    const asked = others.map(async (peer) => held.set(peer, await this.#ask(peer, id, count)));
    const soon = setTimeout(tell, SOON_MS);
    await Promise.all(asked).finally(() => clearTimeout(soon));
    tell();
  }

  /** What a member has. Nothing when it does not say so in time. */
  async #ask(peer: PeerId, computation: ComputationId, count: number): Promise<Interval[]> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(ANSWER_MS)]);
    try {
      const request = new TextEncoder().encode(computation);
      for await (const part of this.#network.ask(peer, TOPIC, request, { signal })) {
        return spansOf(part, count);
      }
    } catch {
      // Nothing depends on it.
    }
    return [];
  }

  async *#answer(computation: ComputationId): AsyncGenerator<Uint8Array> {
    let stock: Stock | null | undefined;
    for (let waitedMs = 0; waitedMs < UNHEARD_MS; waitedMs += AGAIN_MS) {
      stock = await this.#stocks.get(computation)?.catch(() => undefined);
      if (stock !== undefined || this.#signal.aborted) break;
      await sleep(AGAIN_MS);
    }
    yield new TextEncoder().encode(JSON.stringify(stock?.near.slice(0, MOST_SPANS) ?? []));
  }
}

/** Reads an answer; nothing when it is malformed. */
export function spansOf(part: Uint8Array, count: number): Interval[] {
  const spans = readJson(part);
  if (!Array.isArray(spans) || spans.length > MOST_SPANS) return [];
  const isSpan = (one: unknown): one is Interval => {
    if (!Array.isArray(one) || one.length !== 2) return false;
    const [lo, hi] = one as unknown[];
    if (!Number.isSafeInteger(lo) || !Number.isSafeInteger(hi)) return false;
    return (lo as number) >= 0 && (lo as number) < (hi as number) && (hi as number) <= count;
  };
  return spans.every(isSpan) ? spans : [];
}

function readJson(part: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(part)) as unknown;
  } catch {
    return null;
  }
}
