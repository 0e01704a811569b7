import { createHmac } from 'node:crypto';
import type { PeerInfo, Startable } from '@libp2p/interface';
import { mdns } from '@libp2p/mdns';
import type { Gate } from './gate.ts';

/** How often members in the same subnets are asked for, by whichever of them is first. */
export const ASK_MS = 10_000;

/** Longer than a peer runs: when to ask is decided here. */
const NEVER_MS = 2 ** 31 - 1;

/** What multicast DNS tells of a peer that answered. */
export type Found = CustomEvent<PeerInfo>;

/** Multicast DNS under one name: it answers, and asks when it starts. */
export interface Responder extends EventTarget, Startable {
  readonly mdns?: { query(question: { questions: { name: string; type: 'PTR' }[] }): void };
}

/** Makes a responder of this name that asks by itself every `intervalMs`. */
export type MakeResponder = (name: string, intervalMs: number) => Responder;

/**
 * Finds members in the same subnets by multicast DNS, under names that only members can know: one
 * for each secret that is honoured, so that who was told the new one and who was not yet both find
 * it. Two meshes in one subnet do not answer one another, and strangers see addresses, but not of
 * which mesh. Answers go to all, so that a peer which heard some asks no more for a while.
 * libp2p is not told of what is found: it would write each answer down again and again.
 */
export class LocalDiscovery extends EventTarget implements Startable {
  readonly #gate: Gate;
  readonly #make: MakeResponder;
  readonly #responders = new Map<string, { readonly responder: Responder; isQuiet: boolean }>();
  #timer: NodeJS.Timeout | null = null;
  #unwatch: (() => void) | null = null;

  constructor(gate: Gate, make: MakeResponder) {
    super();
    this.#gate = gate;
    this.#make = make;
  }

  async start(): Promise<void> {
    this.#unwatch = this.#gate.watch(() => this.#follow());
    this.#follow();
    this.#timer = setInterval(() => this.#ask(), ASK_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#unwatch?.();
    if (this.#timer !== null) clearInterval(this.#timer);
    const all = [...this.#responders.values()];
    this.#responders.clear();
    await Promise.all(all.map(({ responder }) => responder.stop()));
  }

  /** Answers to the names of the gate's secrets, and to no others. */
  #follow(): void {
    const names = this.#gate.keys.map(({ rendezvous }) => serviceName(rendezvous));
    for (const [name, { responder }] of this.#responders) {
      if (names.includes(name)) continue;
      this.#responders.delete(name);
      void Promise.resolve(responder.stop());
    }
    for (const name of names) {
      if (!this.#responders.has(name)) this.#answerTo(name);
    }
  }

  #answerTo(name: string): void {
    const entry = { responder: this.#make(name, NEVER_MS), isQuiet: false };
    this.#responders.set(name, entry);
    entry.responder.addEventListener('peer', (event) => {
      entry.isQuiet = false;
      this.dispatchEvent(new CustomEvent('peer', { detail: (event as Found).detail }));
    });
    void Promise.resolve(entry.responder.start());
  }

  /** Asks where nobody was heard since the last time: then nobody else asked either. */
  #ask(): void {
    for (const [name, entry] of this.#responders) {
      if (entry.isQuiet) entry.responder.mdns?.query({ questions: [{ name, type: 'PTR' }] });
      entry.isQuiet = true;
    }
  }
}

/** The libp2p service that finds members in the same subnets. */
export function localDiscovery(
  gate: Gate,
): (components: Parameters<ReturnType<typeof mdns>>[0]) => LocalDiscovery {
  return (components) =>
    new LocalDiscovery(
      gate,
      (serviceTag, interval) => mdns({ serviceTag, interval })(components) as object as Responder,
    );
}

/** The service's name in multicast DNS. */
export function serviceName(rendezvous: Uint8Array): string {
  const digest = createHmac('sha256', rendezvous).update('meshd 1 local discovery').digest('hex');
  return `_${digest.slice(0, 15)}._udp.local`;
}
