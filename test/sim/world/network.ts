import type { Effect, PeerEvent } from '../../../src/core/event.ts';
import type { PeerId } from '../../../src/core/ids.ts';
import type { Message } from '../../../src/core/message.ts';
import { decodeMessage, encodeMessage } from '../../../src/core/message-codec.ts';
import type { Machine } from './machine.ts';
import type { EventQueue } from './queue.ts';
import type { Random } from './random.ts';
import type { Weather } from './scenario.ts';

/** Up to so many machines everybody is connected to everybody; in a bigger mesh to so many. */
const FULL_MESH = 50;
const LINKS = 16;

/** A link whose other side is silent breaks after a time between these, in ms. */
const SILENT_MS = [4000, 12_000] as const;

interface Parcel {
  readonly event: PeerEvent;
  readonly arrives: number;
}

/** One direction of a stream: what was sent first arrives first. */
interface Lane {
  readonly parcels: Parcel[];
  pumping: boolean;
}

/** A stream between two machines. */
interface Link {
  /** Both machines' runs when it was made; it ends with either. */
  readonly runs: readonly [number, number];
  readonly lanes: readonly [Lane, Lane];
}

/** Messages and bytes by kind. */
export interface Traffic {
  readonly sent: Map<string, number>;
  readonly bytes: Map<string, number>;
  /** Gossip that reached somebody. */
  delivered: number;
}

/** Gossip that may be lost, and streams that keep order and break; as hostile as the weather. */
export class SimNetwork {
  weather: Weather;
  readonly traffic: Traffic = { sent: new Map(), bytes: new Map(), delivered: 0 };
  /** Bytes on the wire of a message that arrives. */
  readonly sizes: WeakMap<Message, number> = new WeakMap();
  /** What the weather did: lost, doubled, late. */
  readonly counts: Map<string, number> = new Map();
  /** Messages travel as bytes; without, as what they decode to: faster, and not measured. */
  encodes = true;
  /** What travels cannot be changed any more, by its sender or by any that it reaches. */
  freezes = false;
  /** Kinds of message that do not arrive. */
  readonly swallowed: Set<Message['kind']> = new Set();
  /** Bytes that a machine of another protocol version puts on the wire, instead of a message. */
  garble: (from: Machine, bytes: Uint8Array) => Uint8Array = (_, bytes) => bytes;
  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #machines: readonly Machine[];
  readonly #links = new Map<number, Link>();
  /** Pairs between which no link ever stands. */
  readonly #unlinked = new Set<number>();
  /** How many partitions close a way, by `#way`. */
  readonly #closed = new Map<number, number>();
  /** Pairs that keep a link in a big mesh; null in a small one. */
  readonly #pairs: Set<number> | null;

  constructor(queue: EventQueue, random: Random, machines: readonly Machine[], weather: Weather) {
    this.#queue = queue;
    this.#random = random;
    this.#machines = machines;
    this.weather = weather;
    this.#pairs = machines.length <= FULL_MESH ? null : this.#choosePairs();
  }

  #choosePairs(): Set<number> {
    const pairs = new Set<number>();
    for (const a of this.#machines) {
      for (let k = 0; k < LINKS / 2; k++) {
        const b = this.#random.pick(this.#machines);
        if (a !== b) pairs.add(this.#pair(a, b));
      }
    }
    return pairs;
  }

  #way(from: Machine, to: Machine): number {
    return from.plan.number * 65_536 + to.plan.number;
  }

  #pair(a: Machine, b: Machine): number {
    return a.plan.number < b.plan.number ? this.#way(a, b) : this.#way(b, a);
  }

  /** Says whether packets pass from one machine to another. */
  isOpen(from: Machine, to: Machine): boolean {
    return this.#closed.size === 0 || !this.#closed.has(this.#way(from, to));
  }

  /** Closes or opens ways; one that several partitions close opens with the last of them. */
  close(ways: readonly (readonly [Machine, Machine])[]): void {
    for (const [from, to] of ways) {
      const way = this.#way(from, to);
      this.#closed.set(way, (this.#closed.get(way) ?? 0) + 1);
      this.#breakWhenSilent(from, to);
    }
  }

  open(ways: readonly (readonly [Machine, Machine])[]): void {
    for (const [from, to] of ways) {
      const way = this.#way(from, to);
      const left = (this.#closed.get(way) ?? 1) - 1;
      if (left > 0) this.#closed.set(way, left);
      else this.#closed.delete(way);
      this.#connectSoon(from, to, 300, 2500);
    }
  }

  /** A process began: it dials all others, and they it. */
  started(machine: Machine): void {
    for (const other of this.#machines)
      if (other !== machine) this.#connectSoon(machine, other, 5, 60);
  }

  /** A process ended. Killed: its sockets are reset; with its power: nobody is told. */
  ended(machine: Machine, how: 'killed' | 'power'): void {
    for (const other of this.#machines) {
      const link = this.#links.get(this.#pair(machine, other));
      if (link === undefined || other === machine) continue;
      this.#links.delete(this.#pair(machine, other));
      if (how === 'power' || !this.isOpen(machine, other)) {
        const [least, most] = SILENT_MS;
        const waitMs = this.#random.between(least, most);
        this.#tellLater(other, waitMs, { kind: 'disconnected', peer: machine.id, reset: false });
        continue;
      }
      this.#tellLater(other, this.#delay(), {
        kind: 'disconnected',
        peer: machine.id,
        reset: true,
      });
      this.#tellLater(other, 400 + this.#delay(), { kind: 'refused', peer: machine.id }, machine);
    }
  }

  /** Breaks a stream without a reset, as a relay's death or a pruned connection does. */
  cut(a: Machine, b: Machine): boolean {
    if (!this.#links.delete(this.#pair(a, b))) return false;
    this.#tellLater(a, this.#delay(), { kind: 'disconnected', peer: b.id, reset: false });
    this.#tellLater(b, this.#delay(), { kind: 'disconnected', peer: a.id, reset: false });
    this.#connectSoon(a, b, 500, 4000);
    return true;
  }

  /** From now on no stream is made between two machines; gossip still reaches them. */
  unlink(a: Machine, b: Machine): void {
    this.#unlinked.add(this.#pair(a, b));
  }

  /** A machine lets a peer in no more: their stream ends, and none is made again. */
  deny(at: Machine, peer: PeerId): void {
    for (const other of this.#machines) {
      if (other.id !== peer) continue;
      this.unlink(at, other);
      this.cut(at, other);
    }
  }

  carry(from: Machine, effect: Extract<Effect, { kind: 'broadcast' | 'send' }>): void {
    const { message } = effect;
    const { sent, bytes: total } = this.traffic;
    sent.set(message.kind, (sent.get(message.kind) ?? 0) + 1);
    if (!this.encodes && !from.plan.foreign) return this.#bring(from, effect, message);
    const bytes = encodeMessage(message);
    total.set(message.kind, (total.get(message.kind) ?? 0) + bytes.length);
    const read = this.#read(from, bytes, effect.kind === 'send' ? 'stream' : 'gossip');
    if (read === null) return;
    this.sizes.set(read, bytes.length);
    this.#bring(from, effect, read);
  }

  #bring(
    from: Machine,
    effect: Extract<Effect, { kind: 'broadcast' | 'send' }>,
    message: Message,
  ): void {
    if (this.swallowed.has(message.kind)) return;
    const event: PeerEvent = { kind: 'message', from: from.id, message };
    if (this.freezes) freeze(message);
    if (effect.kind === 'broadcast') this.#gossip(from, event);
    else this.#stream(from, effect.to, event);
  }

  /** What arrives of a message: null when no peer of this protocol version can read it. */
  #read(from: Machine, bytes: Uint8Array, limit: 'stream' | 'gossip'): Message | null {
    const garbled = this.garble(from, bytes);
    const decoded = decodeMessage(garbled, limit);
    if ('message' in decoded) return decoded.message;
    if (garbled === bytes) throw new Error(`${from.plan.name} sends: ${decoded.rejected}`);
    this.#count('unreadable');
    return null;
  }

  #gossip(from: Machine, event: PeerEvent): void {
    const reached = this.#closed.size === 0 ? null : this.#reachable(from);
    const hops = this.#machines.length <= FULL_MESH ? 1 : 3;
    for (const to of this.#machines) {
      // Gossip does not come back to its author, wherever that runs.
      if (to === from || to.id === from.id || to.state === null || to.suspended) continue;
      if (reached !== null && !reached.has(to)) continue;
      if (this.#random.chance(this.weather.loss)) this.#count('lost');
      else {
        this.#arrive(to, hops, event);
        if (this.weather.doubled > 0 && this.#random.chance(this.weather.doubled)) {
          this.#count('doubled');
          this.#arrive(to, hops, event);
        }
      }
    }
  }

  #arrive(to: Machine, hops: number, event: PeerEvent): void {
    const { run } = to;
    let delayMs = 0;
    for (let hop = 0; hop < hops; hop++) delayMs += this.#delay();
    if (this.weather.late > 0 && this.#random.chance(this.weather.late)) {
      this.#count('late');
      delayMs += this.#random.between(500, 8000);
    }
    this.#queue.after(delayMs, () => {
      if (to.run !== run || to.suspended) return;
      this.traffic.delivered++;
      to.deliver(event);
    });
  }

  /** Machines that gossip from one reaches, over others if need be. */
  #reachable(from: Machine): Set<Machine> {
    const reached = new Set([from]);
    for (const by of reached) {
      for (const to of this.#machines) {
        if (!reached.has(to) && to.state !== null && this.isOpen(by, to)) reached.add(to);
      }
    }
    return reached;
  }

  #stream(from: Machine, id: string, event: PeerEvent): void {
    for (const to of this.#machines) {
      if (to.id !== id || to === from) continue;
      const link = this.#links.get(this.#pair(from, to));
      if (link === undefined) continue;
      const lane = link.lanes[from.plan.number < to.plan.number ? 0 : 1];
      const last = lane.parcels.at(-1)?.arrives ?? 0;
      lane.parcels.push({ event, arrives: Math.max(this.#queue.now + this.#delay(), last) });
      this.#pump(from, to, link, lane);
    }
  }

  /** Brings what is next in a lane; while the way is closed it waits, as TCP does. */
  #pump(from: Machine, to: Machine, link: Link, lane: Lane): void {
    const [first] = lane.parcels;
    if (lane.pumping || first === undefined) return;
    lane.pumping = true;
    this.#queue.at(first.arrives, () => {
      lane.pumping = false;
      if (this.#links.get(this.#pair(from, to)) !== link) return;
      if (!this.isOpen(from, to) || to.suspended) {
        lane.parcels[0] = { event: first.event, arrives: this.#queue.now + 400 };
      } else {
        lane.parcels.shift();
        to.deliver(first.event);
      }
      this.#pump(from, to, link, lane);
    });
  }

  #connectSoon(a: Machine, b: Machine, least: number, most: number): void {
    if (this.#pairs !== null && !this.#pairs.has(this.#pair(a, b))) return;
    this.#queue.after(this.#random.between(least, most) + this.#delay(), () => this.#connect(a, b));
  }

  #connect(a: Machine, b: Machine): void {
    if (a.state === null || b.state === null || !this.isOpen(a, b) || !this.isOpen(b, a)) return;
    const pair = this.#pair(a, b);
    if (a.id === b.id || this.#links.has(pair) || this.#unlinked.has(pair)) return;
    if (a.suspended || b.suspended) return this.#connectSoon(a, b, 2000, 5000);
    for (const [one, other] of [[a, b] as const, [b, a] as const]) this.#giveWay(one, other);
    const [low, high] = a.plan.number < b.plan.number ? [a, b] : [b, a];
    const lane = (): Lane => ({ parcels: [], pumping: false });
    this.#links.set(pair, { runs: [low.run, high.run], lanes: [lane(), lane()] });
    a.deliver({ kind: 'connected', peer: b.id });
    b.deliver({ kind: 'connected', peer: a.id });
  }

  /** One link per peer id: a newer one of a copied home takes the place of the older. */
  #giveWay(at: Machine, to: Machine): void {
    for (const twin of this.#machines) {
      if (twin === to || twin.id !== to.id) continue;
      if (!this.#links.delete(this.#pair(at, twin))) continue;
      this.#tellLater(twin, this.#delay(), { kind: 'disconnected', peer: at.id, reset: false });
      this.#connectSoon(at, twin, 4000, 9000);
    }
  }

  #breakWhenSilent(from: Machine, to: Machine): void {
    const pair = this.#pair(from, to);
    const link = this.#links.get(pair);
    if (link === undefined) return;
    const [least, most] = SILENT_MS;
    this.#queue.after(this.#random.between(least, most), () => {
      if (this.#links.get(pair) !== link || this.isOpen(from, to)) return;
      this.#links.delete(pair);
      from.deliver({ kind: 'disconnected', peer: to.id, reset: false });
      to.deliver({ kind: 'disconnected', peer: from.id, reset: false });
    });
  }

  /** Tells a machine something later, if it still runs then (and `about` does not). */
  #tellLater(to: Machine, delayMs: number, event: PeerEvent, about?: Machine): void {
    const { run } = to;
    this.#queue.after(delayMs, () => {
      if (to.run !== run || about?.running === true) return;
      if (event.kind === 'disconnected' && this.#isLinked(to, event.peer)) return;
      to.deliver(event);
    });
  }

  #isLinked(at: Machine, peer: string): boolean {
    return this.#machines.some(
      (other) => other.id === peer && this.#links.has(this.#pair(at, other)),
    );
  }

  /** The machines that a machine has a stream to. */
  linkedTo(at: Machine): Machine[] {
    return this.#machines.filter((other) => this.#links.has(this.#pair(at, other)));
  }

  #delay(): number {
    const [least, most] = this.weather.delayMs;
    const draw = this.#random.next();
    // Most messages are fast and a few are slow.
    return least + (most - least) * draw * draw * draw;
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

/** Freezes a message through and through, but for typed arrays. */
function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  if (ArrayBuffer.isView(value)) return;
  Object.freeze(value);
  for (const part of Object.values(value)) freeze(part);
}
