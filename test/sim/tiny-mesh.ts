import type { Answer, Effect, PeerEvent } from '../../src/core/event.ts';
import type { Hash, JobId, PeerId } from '../../src/core/ids.ts';
import type { JobState } from '../../src/core/job-state.ts';
import { computationId, encodeManifest, type Manifest } from '../../src/core/manifest.ts';
import { decodeMessage, encodeMessage } from '../../src/core/message-codec.ts';
import type { OpChange } from '../../src/core/record.ts';
import { DEFAULT_TIMING, type Timing } from '../../src/core/timing.ts';
import type { Program, Question } from './tiny-oracle.ts';
import { columns, type Evaluation, seededRng, sha256, TinyPeer, type World } from './tiny-peer.ts';

/** A small world; everything in it depends on these options alone. */
export interface TinyOptions {
  readonly peers: number;
  /** @default 1 */
  readonly slots?: number;
  /** @default 1 */
  readonly seed?: number;
  /** Bounds of a message's way. @default [2, 30] */
  readonly delayMs?: readonly [least: number, most: number];
  /** Share of gossip that is lost. @default 0 */
  readonly loss?: number;
  readonly timing?: Partial<Timing>;
  /** Wall clock at the start of the world. @default 1.7e12 */
  readonly wallMs?: number;
  /** Keeps a hash over all effects. @default false */
  readonly traced?: boolean;
}

/** What a job asks for. */
export interface TinyJob {
  readonly program: Program;
  readonly accept: number;
  readonly maxEvals?: number;
  readonly priority?: number;
  readonly deadlineAt?: number;
  /** Candidates in the probe. @default 0 */
  readonly probe?: number;
}

interface Due {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** n peers in virtual time: no timers, no promises; the same options give the same world. */
export class TinyMesh implements World {
  now = 0;
  readonly timing: Timing;
  readonly mathClass = 'aa'.repeat(8);
  readonly peers: readonly TinyPeer[];
  /** Messages by kind that were sent. */
  readonly sent: Map<string, number> = new Map();
  loss: number;
  /** Kinds of message that do not arrive. */
  readonly swallowed: Set<string> = new Set();
  /** Pairs of ids, in both orders, between which no stream ever stands; gossip reaches them. */
  readonly unlinked: Set<string> = new Set();
  readonly #options: TinyOptions;
  readonly #rng: () => number;
  readonly #due: Due[] = [];
  readonly #programs = new Map<Hash, Program>();
  readonly #arrivals = new Map<string, number>();
  /** Which island a peer is on; two that are on different ones do not hear each other. */
  readonly #islands = new Map<PeerId, number>();
  #order = 0;
  #requests = 0;

  constructor(options: TinyOptions) {
    this.#options = options;
    this.timing = { ...DEFAULT_TIMING, ...options.timing };
    this.#rng = seededRng(options.seed ?? 1);
    this.loss = options.loss ?? 0;
    this.peers = Array.from({ length: options.peers }, (_, k) => {
      const peer = new TinyPeer(`peer-${sha256(`${k}`).slice(0, 6)}`, options.slots ?? 1, this);
      peer.traced = options.traced ?? false;
      return peer;
    });
    for (const peer of this.peers) this.start(peer);
  }

  peer(k: number): TinyPeer {
    const peer = this.peers[k];
    if (peer === undefined) throw new Error(`no peer ${k}`);
    return peer;
  }

  /** Starts a peer's process; it finds all that it can reach. */
  start(peer: TinyPeer): void {
    const others = this.peers.filter((other) => other !== peer && other.state !== null);
    peer.start(Math.floor(this.#rng() * 2 ** 31), this.peers.length > 1 && this.now > 0);
    for (const other of others) if (this.#joined(peer, other)) this.#connect(peer, other);
  }

  /** SIGKILL: the sockets of its process are reset. */
  kill(peer: TinyPeer): void {
    peer.kill();
    for (const other of this.peers) {
      if (other.state !== null && this.#joined(peer, other)) this.#break(other, peer, true);
    }
  }

  /** Cuts the mesh: each list is an island; peers in none of them share the last one. */
  partition(...islands: readonly (readonly TinyPeer[])[]): void {
    this.#regroup((peer) => islands.findIndex((all) => all.includes(peer)));
  }

  heal(): void {
    this.#regroup(() => 0);
  }

  #regroup(islandOf: (peer: TinyPeer) => number): void {
    const pairs = this.peers.flatMap((a) => this.peers.map((b) => [a, b] as const));
    const apart = new Set(pairs.filter(([a, b]) => !this.#joined(a, b)));
    for (const peer of this.peers) this.#islands.set(peer.id, islandOf(peer));
    for (const pair of pairs) {
      const [a, b] = pair;
      if (!this.#joined(a, b)) this.after(a, 4000, () => this.#break(a, b, false));
      else if (apart.has(pair) && a.id < b.id) this.#connect(a, b);
    }
  }

  /** Publishes at a peer; what it computes is found by `question`. */
  publish(at: TinyPeer, job: TinyJob): { id: JobId; request: number; question: Question } {
    const { program, accept, probe = 0 } = job;
    const bytes = new TextEncoder().encode(program.name);
    const params = new TextEncoder().encode('null');
    const hash = sha256(bytes);
    this.#programs.set(hash, program);
    const target = {
      ...({ kind: 'accept', count: accept, maxEvals: job.maxEvals ?? null } as const),
    };
    const request = ++this.#requests;
    const { accepted, errors } = columns(program, 0, probe, at.id);
    const found = accepted.reduce((sum, { indices }) => sum + indices.length, 0);
    const ms = Array.from({ length: probe }, (_, k) => program.costMs(k)).reduce(
      (a, b) => a + b,
      0,
    );
    const manifest: Manifest = {
      ...{ owner: at.id, nonce: sha256(`job ${request}`).slice(0, 32), name: program.name },
      spec: {
        ...{ program: hash, params: sha256(params), seed: 0, items: null, contract: 1 },
        mathClass: this.mathClass,
      },
      ...{
        target,
        priority: job.priority ?? 0,
        publishedAt: 0,
        deadlineAt: job.deadlineAt ?? null,
        root: null,
      },
      probe: { candidates: probe, accepted: found, ms },
    };
    at.dispatch({
      ...{ kind: 'publish', request, manifest },
      blobs: [
        { hash, bytes },
        { hash: sha256(params), bytes: params },
      ],
      probe: probe === 0 ? null : { lo: 0, hi: probe, accepted, errors, ms },
    });
    const computation = computationId(manifest.spec, sha256);
    const id = sha256(encodeManifest(manifest));
    return { id, request, question: { program, computation, target } };
  }

  /** Puts a client's wish to a peer; returns its request. */
  ask(at: TinyPeer, wish: (request: number) => PeerEvent): number {
    const request = ++this.#requests;
    at.dispatch(wish(request));
    return request;
  }

  operate(at: TinyPeer, job: JobId, change: OpChange): number {
    return this.ask(at, (request) => ({ kind: 'operate', request, job, change }));
  }

  /** Moves time on until a condition holds. Returns when it did. */
  until(what: string, holds: () => boolean, limitMs = 120_000): number {
    const end = this.now + limitMs;
    while (!holds()) if (!this.#next(end)) throw new Error(`${what}: not by ${end} ms\n${this}`);
    return this.now;
  }

  /** Lets so much time pass. */
  pass(ms: number): void {
    const end = this.now + ms;
    while (this.#next(end));
    this.now = end;
  }

  /** Until every running peer knows the end of a job; returns the certificate they agree on. */
  certificate(id: JobId, limitMs?: number): Hash | undefined {
    const live = (): TinyPeer[] => this.peers.filter(({ state }) => state !== null);
    const ended = (peer: TinyPeer): boolean => this.job(peer, id)?.ending != null;
    this.until(`end of ${id.slice(0, 8)}`, () => live().every(ended), limitMs);
    const all = new Set(live().map((peer) => this.job(peer, id)?.ending?.certificate));
    if (all.size !== 1) throw new Error(`certificates differ: ${[...all].join()}`);
    return [...all][0];
  }

  job(peer: TinyPeer, id: JobId): JobState | undefined {
    return peer.state?.jobs.get(id);
  }

  answer(at: TinyPeer, request: number): Answer | undefined {
    return at.answers.get(request)?.result;
  }

  /** Everything that executors worked on, of one computation or of all. */
  evaluations(computation?: Hash): Evaluation[] {
    const all = this.peers.flatMap(({ evaluations }) => evaluations);
    return all.filter((each) => computation === undefined || each.computation === computation);
  }

  after(peer: TinyPeer, delayMs: number, run: () => void): void {
    const { run: started } = peer;
    this.#at(this.now + delayMs, () => {
      if (peer.state !== null && peer.run === started) run();
    });
  }

  carry(from: TinyPeer, effect: Extract<Effect, { kind: 'broadcast' | 'send' }>): void {
    const { message } = effect;
    this.sent.set(message.kind, (this.sent.get(message.kind) ?? 0) + 1);
    const limit = effect.kind === 'send' ? 'stream' : 'gossip';
    const decoded = decodeMessage(encodeMessage(message), limit);
    if ('rejected' in decoded)
      throw new Error(`${from.id} sends a bad message: ${decoded.rejected}`);
    if (this.swallowed.has(message.kind)) return;
    const event = { kind: 'message', from: from.id, message: decoded.message } as const;
    for (const to of this.peers) {
      if (to === from || to.state === null || !this.#joined(from, to)) continue;
      if (effect.kind === 'send' && effect.to !== to.id) continue;
      if (effect.kind === 'send' && !to.state.connected.has(from.id)) continue;
      if (effect.kind === 'broadcast' && this.#rng() < this.loss) continue;
      let at = this.now + this.#delay();
      if (effect.kind === 'send') {
        const way = `${from.id} ${from.run} ${to.id}`;
        at = Math.max(at, this.#arrivals.get(way) ?? 0);
        this.#arrivals.set(way, at);
      }
      const { run } = to;
      this.#at(at, () => {
        if (to.run === run && this.#joined(from, to)) to.dispatch(event);
      });
    }
  }

  program(hash: Hash): Program {
    const program = this.#programs.get(hash);
    if (program === undefined) throw new Error(`no program ${hash}`);
    return program;
  }

  wallMs = (): number => (this.#options.wallMs ?? 1.7e12) + this.now;

  toString(): string {
    const tail = this.peers.flatMap(({ id, logs }) =>
      logs.slice(-12).map((line) => `${id} ${line}`),
    );
    return tail.join('\n');
  }

  #joined(a: TinyPeer, b: TinyPeer): boolean {
    return this.#islands.get(a.id) === this.#islands.get(b.id);
  }

  #connect(a: TinyPeer, b: TinyPeer): void {
    const { run: runA } = a;
    const { run: runB } = b;
    this.#at(this.now + 10 + this.#delay(), () => {
      if (a.run !== runA || b.run !== runB || !this.#joined(a, b)) return;
      if (this.unlinked.has(`${a.id} ${b.id}`)) return;
      if (a.state === null || b.state === null) return;
      a.dispatch({ kind: 'connected', peer: b.id });
      b.dispatch({ kind: 'connected', peer: a.id });
    });
  }

  #break(at: TinyPeer, peer: TinyPeer, reset: boolean): void {
    const { run } = peer;
    this.after(at, this.#delay(), () => {
      const again = reset ? peer.run !== run : this.#joined(at, peer);
      if (!again) at.dispatch({ kind: 'disconnected', peer: peer.id, reset });
    });
  }

  #delay(): number {
    const [least, most] = this.#options.delayMs ?? [2, 30];
    return least + this.#rng() * (most - least);
  }

  #at(at: number, run: () => void): void {
    const due = { at, order: this.#order++, run };
    let child = this.#due.push(due) - 1;
    while (child > 0) {
      const parent = (child - 1) >>> 1;
      const above = this.#due[parent];
      if (above === undefined || !before(due, above)) break;
      this.#due[child] = above;
      child = parent;
    }
    this.#due[child] = due;
  }

  /** Runs what is due next, if that is before an end. */
  #next(end: number): boolean {
    const [first] = this.#due;
    if (first === undefined || first.at > end) return false;
    this.#removeFirst();
    this.now = first.at;
    first.run();
    return true;
  }

  #removeFirst(): void {
    const last = this.#due.pop();
    if (last === undefined || this.#due.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let least = this.#due[child];
      const right = this.#due[child + 1];
      if (right !== undefined && least !== undefined && before(right, least)) {
        least = right;
        child++;
      }
      if (least === undefined || before(last, least)) break;
      this.#due[at] = least;
      at = child;
    }
    this.#due[at] = last;
  }
}

function before(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
