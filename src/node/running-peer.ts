import { setTimeout as sleep } from 'node:timers/promises';
import { openLeases } from '../core/lease-book.ts';
import type { PeerState } from '../core/peer-state.ts';
import type { Network } from '../net/network.ts';
import type { Store } from '../store/store.ts';
import type { Workforce } from '../work/workforce.ts';
import type { Home, Membership } from './home.ts';
import { encodeInvite, MAX_INVITE_ADDRESSES } from './invite.ts';
import { LocalMesh } from './local-mesh.ts';
import type { Loop } from './loop.ts';
import type { Peer } from './peer.ts';

/** Time for the farewell to reach the others, in ms. */
const FAREWELL_MS = 200;

/** Between two looks whether the home is still there, in ms. */
const WATCH_MS = 2000;

/** Longest wait for running candidates when a peer leaves, in ms. */
const DRAIN_MS = 10_000;

type End = 'stopped' | 'left' | 'halted';

/** What a running peer is made of. */
export interface RunningParts {
  readonly home: Home;
  readonly store: Store;
  readonly workforce: Workforce;
  readonly state: PeerState;
  readonly membership: Membership | null;
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

  constructor(parts: RunningParts) {
    this.#parts = parts;
  }

  start(loop: Loop, network: Network): Peer {
    this.#loop = loop;
    this.#network = network;
    this.#watch = setInterval(() => void this.#watchHome(), WATCH_MS);
    this.#watch.unref();
    const { home, workforce, membership, state } = this.#parts;
    const end = (how: 'stopped' | 'left'): Promise<void> => this.end(how);
    const invite = (): string | null => this.#invite();
    const mesh = new LocalMesh({
      ...{ loop, network, workforce, invite, end },
      ...{ home: home.path, meshId: membership?.mesh ?? null },
    });
    return {
      mesh,
      id: state.self.peer,
      addresses: () => network.addresses(),
      invite,
      ended: this.#ended.promise,
      close: () => end('stopped'),
    };
  }

  /** What this peer keeps is not its own any more: it ends. */
  halt(reason: string): void {
    this.#parts.log('error', 'peer.halted', { reason });
    void this.end('halted');
  }

  end(how: End): Promise<void> {
    this.#ending ??= this.#end(how).finally(() => this.#ended.resolve(how));
    return this.#ending;
  }

  /** Nothing can be kept in a home that was removed: to go on would be to promise in vain. */
  async #watchHome(): Promise<void> {
    const { home } = this.#parts;
    const there = await home.exists().catch(() => true);
    if (!there) this.halt(`the home ${home.path} was removed`);
  }

  /** Addresses of this peer and of members that are alive, as many as an invite carries. */
  #invite(): string | null {
    const { membership, state } = this.#parts;
    if (membership === null || this.#network === null || this.#loop === null) return null;
    const addresses = this.#network.addresses().slice(0, 3);
    const now = this.#loop.now();
    for (const [, view] of state.roster.all()) {
      if (state.roster.state(view, now) !== 'alive') continue;
      addresses.push(...view.register.addresses.slice(0, 2));
    }
    const some = [...new Set(addresses)].slice(0, MAX_INVITE_ADDRESSES);
    return encodeInvite({ mesh: membership.mesh, secret: membership.secret, addresses: some });
  }

  /** Frees the leases, says farewell, closes from the outside in. */
  async #end(how: End): Promise<void> {
    const { home, store, workforce, state, membership } = this.#parts;
    const loop = this.#loop;
    if (this.#watch !== null) clearInterval(this.#watch);
    if (loop !== null && how !== 'halted') {
      loop.dispatch({ kind: 'stop', leave: how === 'left' });
      const until = performance.now() + DRAIN_MS;
      while (how === 'left' && openLeases(state).length > 0 && performance.now() < until) {
        await sleep(50);
      }
      await loop.journal.flush();
      loop.dispatch({ kind: 'stop', leave: how === 'left' });
      if (state.connected.size > 0) await sleep(FAREWELL_MS);
    }
    await workforce.close();
    await this.#network?.close();
    await loop?.close();
    await store.close();
    if (how === 'left' && membership !== null) await home.forget();
  }
}
