import { type Address, distanceOf } from './addresses.ts';

/**
 * From where a peer was reached directly. none: by nobody yet. near: from its own machine or
 * subnets. far: from another network; so it can relay for anybody.
 */
export type Reach = 'none' | 'near' | 'far';

/** In the order of the wire's numbers. */
const REACHES: readonly Reach[] = ['none', 'near', 'far'];

/** What a peer says of itself in a `reach` frame. */
export interface ReachFrame {
  readonly reach: Reach;
  /** Its addresses are those of something that forwards to it. */
  readonly forwarded: boolean;
}

/** The body of a `reach` frame: the reach, then 1 when its addresses are forwarded, else 0. */
export function encodeReach({ reach, forwarded }: ReachFrame): Uint8Array {
  return Uint8Array.of(REACHES.indexOf(reach), forwarded ? 1 : 0);
}

/** Reads a `reach` frame; further bytes are of a later meshd. Null when it has not that form. */
export function decodeReach(body: Uint8Array): ReachFrame | null {
  const reach = REACHES[body[0] ?? REACHES.length];
  return reach === undefined || body.byteLength < 2 ? null : { reach, forwarded: body[1] === 1 };
}

/**
 * Whether others can dial this peer. The only proof it takes is that somebody did: what others say
 * that they see of it, and what a router says that it forwards, is often wrong.
 */
export class Reachability {
  readonly #isForwarded: boolean;
  #reach: Reach = 'none';

  /** `isForwarded`: it is told to announce other addresses than it listens on. */
  constructor(isForwarded: boolean) {
    this.#isForwarded = isForwarded;
  }

  get reach(): Reach {
    return this.#reach;
  }

  frame(): Uint8Array {
    return encodeReach({ reach: this.#reach, forwarded: this.#isForwarded });
  }

  /** Takes the source of a direct connection that a member made. True when that is news. */
  cameFrom(source: Address): boolean {
    // What forwards may stand on this machine; who came through it came from afar.
    const isFar = this.#isForwarded || distanceOf(source) === 'far';
    const before = this.#reach;
    if (isFar) this.#reach = 'far';
    else if (before === 'none') this.#reach = 'near';
    return this.#reach !== before;
  }

  /** This machine is in another network: nobody reached it there yet. */
  moved(): void {
    this.#reach = 'none';
  }
}
