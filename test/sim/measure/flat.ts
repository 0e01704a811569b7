import type { Effect, Env, PeerEvent, StoreWrite } from '../../../src/core/event.ts';
import { NO_LIMITS } from '../../../src/core/limits.ts';
import type { Manifest } from '../../../src/core/manifest.ts';
import { NO_NEEDS } from '../../../src/core/needs.ts';
import { newPeerState, type PeerState } from '../../../src/core/peer-state.ts';
import { step } from '../../../src/core/step.ts';
import { DEFAULT_TIMING } from '../../../src/core/timing.ts';
import { sha256, sha256Hasher, sign } from '../world/machine.ts';
import { columnsOf, type Program } from '../world/program.ts';
import { Random } from '../world/random.ts';
import { countEntries, type Entries } from './state-walk.ts';

/** What a candidate is said to cost, in ms: more than a block aims at, so that it is a block. */
const COST_MS = 2000;

/** One in so many candidates is accepted. */
const EVERY = 10_000;

/** A peer without a network or a disk, whose executors take no time. */
class BarePeer {
  readonly state: PeerState;
  readonly #random: Random;
  readonly #program: Program;
  /** Events that its own effects bring about. */
  readonly #next: PeerEvent[] = [];
  /** Where its messages go. */
  other: BarePeer | null = null;
  blocks = 0;
  bodies = 0;

  constructor(number: number, program: Program) {
    const peer = `12D3KooW${sha256(`bare peer ${number}`).slice(0, 44)}`;
    const self = { peer, name: `m${number}`, version: '0', slots: 1, mathClass: 'aa'.repeat(8) };
    const start = { incarnation: 1, nonce: `0${number}`.repeat(8) };
    this.state = newPeerState(self, start, DEFAULT_TIMING);
    this.#random = new Random(`bare peer ${number}`);
    this.#program = program;
  }

  take(event: PeerEvent, now: number): void {
    const { self } = this.state;
    const env: Env = {
      ...{ now, rng: this.#random.next, hash: sha256, hasher: sha256Hasher },
      sign: (bytes) => sign(self.peer, bytes),
      verify: () => true,
    };
    for (const effect of step(this.state, event, env)) this.#carryOut(effect, now);
  }

  /** Takes in what came of the effects until now. */
  settle(now: number): void {
    for (const event of this.#next.splice(0)) this.take(event, now);
  }

  #carryOut(effect: Effect, now: number): void {
    if (effect.kind === 'store') {
      for (const write of effect.writes) this.bodies += bodyBytes(write);
      this.#next.push({ kind: 'stored', write: effect.write });
    } else if (effect.kind === 'execute') {
      const { id: execution, lo, hi } = effect.execution;
      this.blocks++;
      const columns = columnsOf(this.#program, lo, hi, (_, outcome) => outcome);
      const part = { lo, hi, ms: COST_MS * (hi - lo), ...columns };
      this.#next.push({ kind: 'part', execution, part });
      this.#next.push({ kind: 'ended', execution, finished: true });
    } else if (effect.kind === 'send' || effect.kind === 'broadcast') {
      const from = this.state.self.peer;
      this.other?.take({ kind: 'message', from, message: effect.message }, now);
    }
  }
}

function bodyBytes(write: StoreWrite): number {
  return write.kind === 'record' ? write.body.length : 0;
}

/** The state of a peer when the mesh has evaluated so many blocks. */
export interface Sample {
  readonly blocks: number;
  readonly heapBytes: number;
  readonly entries: Entries;
  /** Bytes of records that the peer has written. */
  readonly bodyBytes: number;
  /** CPU time of a block since the last sample, in ms. */
  readonly blockMs: number;
}

function manifestOf(owner: string, program: string, params: string, blocks: number): Manifest {
  return {
    ...{ owner, nonce: '0'.repeat(32), name: 'many blocks', priority: 0, publishedAt: 0 },
    spec: {
      program,
      params,
      seed: 0,
      items: null,
      contract: 1,
      mathClass: 'aa'.repeat(8),
      commandsOf: null,
    },
    target: { kind: 'accept', count: blocks, maxEvals: null },
    ...{
      limits: NO_LIMITS,
      needs: NO_NEEDS,
      perHour: null,
      maxErrors: null,
      fresh: false,
      deadlineAt: null,
      root: null,
      sources: null,
      logIf: null,
      probe: { candidates: 1, accepted: 0, ms: COST_MS },
    },
  };
}

/** Lets one or two peers evaluate very many blocks of one job, and looks at what they hold. */
export function runFlat(peers: 1 | 2, at: readonly number[]): Sample[] {
  const program: Program = {
    ...{ name: 'flat', seed: 1, every: EVERY, costMs: COST_MS, heavy: false, acceptedCost: 1 },
    ...{ values: 'number', errorsEvery: 0, deadly: [], poison: [], limit: [] },
  };
  const all = Array.from({ length: peers }, (_, number) => new BarePeer(number, program));
  const [first, second] = all;
  if (first === undefined) return [];
  begin(first, second ?? null, Math.max(...at));
  const samples: Sample[] = [];
  let cpuMs = process.cpuUsage().user / 1000;
  for (let now = 2; samples.length < at.length; now++) {
    for (const peer of all) {
      peer.settle(now);
      if (now % 100 === 0) peer.take({ kind: 'tick' }, now);
    }
    const blocks = all.reduce((sum, peer) => sum + peer.blocks, 0);
    const wanted = at[samples.length] ?? 0;
    if (blocks < wanted) continue;
    const spentMs = process.cpuUsage().user / 1000 - cpuMs;
    globalThis.gc?.();
    samples.push({
      ...{ blocks, heapBytes: process.memoryUsage().heapUsed, bodyBytes: first.bodies },
      ...{
        entries: countEntries(first.state),
        blockMs: spentMs / (wanted - (at[samples.length - 1] ?? 0)),
      },
    });
    cpuMs = process.cpuUsage().user / 1000;
  }
  return samples;
}

function begin(first: BarePeer, second: BarePeer | null, blocks: number): void {
  const bytes = new TextEncoder().encode('a program');
  const params = new TextEncoder().encode('null');
  const blobs = [bytes, params].map((content) => ({ hash: sha256(content), bytes: content }));
  const manifest = manifestOf(first.state.self.peer, sha256(bytes), sha256(params), blocks);
  for (const peer of [first, second]) {
    peer?.take({ kind: 'booted', known: false, blobs: [], locals: new Map() }, 1);
    for (const { hash } of blobs) peer?.state.blobs.set(hash, 0);
  }
  if (second !== null) {
    first.other = second;
    second.other = first;
    first.take({ kind: 'connected', peer: second.state.self.peer }, 1);
    second.take({ kind: 'connected', peer: first.state.self.peer }, 1);
  }
  first.take({ kind: 'publish', request: 1, manifest, blobs, probe: null }, 1);
}
