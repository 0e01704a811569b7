import type { Namespace } from './namespace.ts';
import type { Subnet } from './subnet.ts';

/** The name of each switch's bridge inside its namespace. */
export const BRIDGE = 'br0';

/** A box into which cables are plugged; what is plugged in is one network. */
export class Switch {
  readonly namespace: Namespace;
  readonly subnet: Subnet;
  #ports = 0;

  private constructor(namespace: Namespace, subnet: Subnet) {
    this.namespace = namespace;
    this.subnet = subnet;
  }

  /**
   * Makes a switch. As a router it has its network's gateway address; what it is sent for other
   * networks is lost without a word, unless the namespace forwards.
   */
  static async create(namespace: Namespace, subnet: Subnet, isRouter: boolean): Promise<Switch> {
    await namespace.ip('link', 'add', BRIDGE, 'type', 'bridge');
    await namespace.ip('link', 'set', BRIDGE, 'up');
    if (isRouter) await namespace.ip('address', 'add', `${subnet.gateway}/24`, 'dev', BRIDGE);
    return new Switch(namespace, subnet);
  }

  /** A name for the device of the next cable. */
  nextPort(): string {
    this.#ports += 1;
    return `port${this.#ports}`;
  }
}
