import { Link } from './link.ts';
import type { Namespace } from './namespace.ts';
import type { Switch } from './switch.ts';

/** The name of each machine's network device. */
export const DEVICE = 'eth0';

/** A machine with one network cable. */
export class Host {
  readonly name: string;
  readonly namespace: Namespace;
  #switch: Switch;
  #link: Link;
  #address: string;

  protected constructor(
    name: string,
    namespace: Namespace,
    at: { readonly to: Switch; readonly link: Link; readonly address: string },
  ) {
    this.name = name;
    this.namespace = namespace;
    this.#switch = at.to;
    this.#link = at.link;
    this.#address = at.address;
  }

  /** Plugs a new machine into a switch. */
  static async create(name: string, namespace: Namespace, to: Switch): Promise<Host> {
    return new Host(name, namespace, await attach(namespace, to));
  }

  /** The machine's IPv4 address on its network. */
  get address(): string {
    return this.#address;
  }

  /** Where it is plugged in. */
  get at(): Switch {
    return this.#switch;
  }

  /** The machine's cable. */
  get link(): Link {
    return this.#link;
  }

  /** What goes before a command line to run it on this machine. */
  get prefix(): readonly string[] {
    return this.namespace.prefix;
  }

  /** Gives the machine another address of its network, as a router does after a reboot. */
  async readdress(): Promise<void> {
    await this.namespace.ip('-4', 'address', 'flush', 'dev', DEVICE);
    this.#address = this.#switch.subnet.take();
    await addressDevice(this.namespace, this.#switch, this.#address);
  }

  /** Unplugs the machine and plugs it in elsewhere, with an address of that network. */
  async carry(to: Switch): Promise<void> {
    await this.#link.remove();
    const { link, address } = await attach(this.namespace, to);
    this.#switch = to;
    this.#link = link;
    this.#address = address;
  }
}

/** Plugs a machine into a switch, with an address of its network and the way to all others. */
export async function attach(
  namespace: Namespace,
  to: Switch,
): Promise<{ readonly to: Switch; readonly link: Link; readonly address: string }> {
  const link = await Link.lay({ namespace, device: DEVICE }, to);
  const address = to.subnet.take();
  await addressDevice(namespace, to, address);
  return { to, link, address };
}

async function addressDevice(namespace: Namespace, to: Switch, address: string): Promise<void> {
  await namespace.ip('address', 'add', `${address}/24`, 'dev', DEVICE);
  await namespace.ip('route', 'replace', 'default', 'via', to.subnet.gateway, 'dev', DEVICE);
}
