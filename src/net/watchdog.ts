import type { PeerId } from '../core/ids.ts';
import type { Address } from './addresses.ts';
import { dialFault } from './dial-error.ts';
import { addressesToDial, type DialPlan, isSurely, type Member } from './dial-plan.ts';
import { dialRace } from './dial-race.ts';

/** How long one address may take to answer and let this peer in; a busy machine needs seconds. */
const DIAL_MS = 10_000;

const PARALLEL_DIALS = 4;

/** How long one address may take before the next one of the same member is tried beside it. */
const STEP_MS = 300;
const RELAY_STEP_MS = 1000;
const BUSY_STEP_MS = 3000;

/** Share of time that this process works above which it dials one by one. */
const BUSY_SHARE = 0.8;

const BUSY_WINDOW_MS = 200;

/** What the watchdog needs of its owner. */
export interface WatchdogOptions {
  readonly plan: DialPlan;
  /** Resolves when a connection stands; rejects with the reason when there is none. */
  readonly dial: (peer: PeerId, address: Address, signal: AbortSignal) => Promise<void>;
  readonly nowMs: () => number;
  readonly refused: (peer: PeerId) => void;
  readonly log: (event: string, fields: object) => void;
}

/** Dials every member of a plan that is due, for ever. libp2p by itself redials nobody. */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | null = null;
  #utilization = performance.eventLoopUtilization();
  #isBusy = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** To be called after each change of the plan. */
  wake(): void {
    if (this.#closing.signal.aborted) return;
    const { plan, nowMs } = this.#options;
    const free = Math.max(0, this.#parallelDials() - this.#running.size);
    for (const member of plan.due(nowMs()).slice(0, free)) this.#start(member);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    // While all dials are taken, the end of one wakes the watchdog.
    const nextMs = plan.nextDueMs();
    if (nextMs === null || this.#running.size >= this.#parallelDials()) return;
    this.#timer = setTimeout(() => this.wake(), Math.max(1, nextMs - nowMs()));
    this.#timer.unref();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await Promise.all(this.#running);
  }

  /** A handshake costs tens of ms of work; too many at once would all time out together. */
  #parallelDials(): number {
    const since = performance.eventLoopUtilization(this.#utilization);
    if (since.idle + since.active > BUSY_WINDOW_MS) {
      this.#utilization = performance.eventLoopUtilization();
      this.#isBusy = since.utilization > BUSY_SHARE;
    }
    return this.#isBusy ? 1 : PARALLEL_DIALS;
  }

  #start(member: Member): void {
    member.dialing = true;
    const running = this.#dial(member).finally(() => {
      member.dialing = false;
      this.#running.delete(running);
      this.wake();
    });
    this.#running.add(running);
  }

  async #dial(member: Member): Promise<void> {
    const { plan, dial, nowMs, refused, log } = this.#options;
    let isRefused = false;
    const attempt = async (address: Address, signal: AbortSignal): Promise<boolean> => {
      try {
        await dial(member.peer, address, AbortSignal.any([signal, AbortSignal.timeout(DIAL_MS)]));
        return true;
      } catch (error) {
        if (signal.aborted) return false;
        const fault = dialFault(error);
        log('dial.failed', { peer: member.peer, address: address.text, fault });
        isRefused ||= fault === 'refused' && isSurely(member, address);
        return false;
      }
    };
    const stepMs = (next: Address): number => {
      // A relayed handshake beside a direct one would make a busy machine busier still.
      if (next.relay !== null) return this.#isBusy ? DIAL_MS : RELAY_STEP_MS;
      return this.#isBusy ? BUSY_STEP_MS : STEP_MS;
    };
    await dialRace(addressesToDial(member), attempt, stepMs, this.#closing.signal);
    if (this.#closing.signal.aborted || member.connected === 'direct') return;
    plan.failed(member.peer, nowMs());
    if (isRefused && member.connected === 'no') refused(member.peer);
  }
}
