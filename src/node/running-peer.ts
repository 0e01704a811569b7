import { setTimeout as sleep } from 'node:timers/promises';
import type { JobId } from '../core/ids.ts';
import { openLeases } from '../core/lease-book.ts';
import type { PeerState } from '../core/peer-state.ts';
import type { LogKeeper } from '../logs/log-keeper.ts';
import type { Gate } from '../net/gate.ts';
import type { Network } from '../net/network.ts';
import type { Store } from '../store/store.ts';
import type { Workforce } from '../work/workforce.ts';
import { LocalAdmission } from './admission/admission.ts';
import { encodeInvite, MAX_INVITE_ADDRESSES } from './admission/invite.ts';
import type { Kin } from './admission/kin.ts';
import type { Transfers } from './files/transfers.ts';
import type { Home } from './home.ts';
import { JobLogs } from './jobs/job-logs.ts';
import { LocalMesh } from './local-mesh.ts';
import type { Loop } from './loop.ts';
import type { Peer } from './peer.ts';
import { Tenure, type TenureEnd, type TenureLimits } from './tenure.ts';

/** Time for the farewell to reach the others, in ms. */
const FAREWELL_MS = 200;

/** Between two looks whether the home is still there, in ms. */
const WATCH_MS = 2000;

/** Longest wait for running candidates when a peer leaves, in ms. */
const LEAVE_DRAIN_MS = 10_000;

/** Between two looks whether the peer has stayed long enough, in ms. */
const LOOK_MS = 250;

/** Longest wait for word that the answers it worked on are kept by others, in ms. */
const CONFIRM_MS = 10_000;

type End = 'stopped' | 'left' | 'halted';

/** What a running peer is made of. */
export interface RunningParts {
  readonly home: Home;
  readonly store: Store;
  readonly workforce: Workforce;
  readonly logs: LogKeeper;
  readonly kin: Kin;
  readonly transfers: Transfers;
  readonly state: PeerState;
  /** Null on a home that belongs to no mesh. */
  readonly gate: Gate | null;
  /** What it relays for others at most; 0: nothing; null: no cap. */
  readonly relayBytesPerSecond: number | null;
  readonly log: (level: 'error' | 'warn' | 'info' | 'debug', event: string, fields: object) => void;
}

/** A peer at work: what others need to know of it, and how it ends. */
export class RunningPeer {
  readonly #parts: RunningParts;
  readonly #ended = Promise.withResolvers<End>();
  #loop: Loop | null = null;
  #network: Network | null = null;
  #ending: Promise<void> | null = null;
  #watch: NodeJS.Timeout | null = null;
  #admission: LocalAdmission | null = null;

  constructor(parts: RunningParts) {
    this.#parts = parts;
  }

  start(loop: Loop, network: Network): Peer {
    this.#loop = loop;
    this.#network = network;
    this.#watch = setInterval(() => void this.#watchHome(), WATCH_MS);
    this.#watch.unref();
    const { home, workforce, logs, gate, state, relayBytesPerSecond, log } = this.#parts;
    const admission = new LocalAdmission({ home, loop, gate, log });
    this.#admission = admission;
    const end = (how: 'stopped' | 'left'): Promise<void> => this.end(how);
    const invite = (): string | null => this.#invite();
    const mesh = new LocalMesh({
      ...{ loop, network, workforce, invite, end, admission },
      logs: new JobLogs(loop, logs, network),
      ...{ home: home.path, meshId: gate?.ring.mesh ?? null, relayBytesPerSecond },
    });
    return {
      mesh,
      id: state.self.peer,
      addresses: () => network.addresses(),
      invite,
      ended: this.#ended.promise,
      outstay: (limits) => this.#outstay(loop, limits),
      drain: (ms) => this.end('stopped', ms),
      close: () => end('stopped'),
    };
  }

  /** What this peer keeps is not its own any more: it ends. */
  halt(reason: string): void {
    this.#parts.log('error', 'peer.halted', { reason });
    void this.end('halted');
  }

  /** drainMs: how long running candidates may go on. @default 10 s when it leaves, else 0 */
  end(how: End, drainMs: number = how === 'left' ? LEAVE_DRAIN_MS : 0): Promise<void> {
    this.#ending ??= this.#end(how, drainMs).finally(() => this.#ended.resolve(how));
    return this.#ending;
  }

  /** See Peer.outstay. */
  async #outstay(loop: Loop, limits: TenureLimits): Promise<TenureEnd | null> {
    const tenure = new Tenure(limits, loop.now(), loop.members > 0);
    while (this.#ending === null) {
      const why = tenure.look(loop.state, loop.now());
      if (why === 'done') await confirmed(loop, tenure.jobs);
      if (why !== null) return why;
      await sleep(LOOK_MS, undefined, { ref: false });
    }
    await this.#ended.promise;
    return null;
  }

  /** Nothing can be kept in a home that was removed: to go on would be to promise in vain. */
  async #watchHome(): Promise<void> {
    const { home } = this.#parts;
    const there = await home.exists().catch(() => true);
    if (!there) this.halt(`the home ${home.path} was removed`);
  }

  /** Addresses of this peer and of members that are alive, as many as an invite carries. */
  #invite(): string | null {
    const { gate, state } = this.#parts;
    if (gate === null || this.#network === null || this.#loop === null) return null;
    const addresses = this.#network.addresses().slice(0, 3);
    const now = this.#loop.now();
    for (const [, view] of state.roster.all()) {
      if (state.roster.state(view, now) !== 'alive') continue;
      addresses.push(...view.register.addresses.slice(0, 2));
    }
    const some = [...new Set(addresses)].slice(0, MAX_INVITE_ADDRESSES);
    const { mesh, current } = gate.ring;
    const { generation, secret } = current;
    return encodeInvite({ mesh, generation, secret, addresses: some });
  }

  /** Frees the leases, says farewell, closes from the outside in. */
  async #end(how: End, drainMs: number): Promise<void> {
    const { home, store, workforce, logs, transfers, state, gate, kin } = this.#parts;
    const loop = this.#loop;
    if (this.#watch !== null) clearInterval(this.#watch);
    this.#admission?.close();
    if (loop !== null && how !== 'halted') {
      // Commands that have ended are not to run again.
      workforce.tellNow();
      loop.dispatch({ kind: 'stop', drain: drainMs > 0 });
      const until = performance.now() + drainMs;
      while (openLeases(state).length > 0 && performance.now() < until) await sleep(50);
      workforce.tellNow();
      await loop.journal.flush();
      loop.dispatch({ kind: 'stop', drain: false });
      if (state.connected.size > 0) await sleep(FAREWELL_MS);
    }
    kin.close();
    transfers.close();
    await workforce.close();
    await logs.close();
    await this.#network?.close();
    await loop?.close();
    await store.close();
    if (how === 'left' && gate !== null) await home.forget();
  }
}

/** Waits until others keep the answers of these jobs too: this machine's disk may go with it. */
async function confirmed(loop: Loop, jobs: ReadonlySet<JobId>): Promise<void> {
  const signal = AbortSignal.timeout(CONFIRM_MS);
  const kept = [...jobs].map((job) =>
    loop.request((request) => ({ kind: 'confirm', request, job }), signal),
  );
  await Promise.allSettled(kept);
}
