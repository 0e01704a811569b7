import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Host } from './host.ts';
import { Link } from './link.ts';
import { Namespace } from './namespace.ts';
import { Nat, type NatOptions } from './nat.ts';
import { hasOwner, keptName, LAB_PREFIX, ownName } from './owner.ts';
import { runTool } from './run-tool.ts';
import { Subnet } from './subnet.ts';
import { BRIDGE, Switch } from './switch.ts';

/** Networks of people look alike: each one behind a router has these addresses. */
const PRIVATE = '192.168.1';

/** Addresses that look public; 45.64.0.0/16 leaves each lab a network of its own. */
const PUBLIC = '45.64';

/** The namespace of a lab's public network; it is made first, and so claims the lab's name. */
const PUBLIC_NETWORK = 'public';

/** The device of a switch's cable to another one. */
const TRUNK = 'trunk';

/** Labs that stay until they are taken down, at most. */
const MAX_KEPT = 100;

/**
 * A network of machines on this one: real namespaces, cables, switches and routers, apart from the
 * real network and from other labs. Closing it ends what runs on the machines and removes them.
 * Needs root.
 */
export class Lab implements AsyncDisposable {
  readonly name: string;
  /** The network that all others reach. */
  readonly public: Switch;
  readonly #namespaces: Namespace[];
  readonly #switches: Switch[] = [];
  readonly #hosts: Host[] = [];

  private constructor(name: string, network: Switch) {
    this.name = name;
    this.public = network;
    this.#namespaces = [network.namespace];
  }

  /** Makes a lab of this process. What labs left behind whose process was killed is removed. */
  static async open(): Promise<Lab> {
    await sweep();
    return Lab.#make(ownName());
  }

  /** Makes a lab that outlives this process, until `takeDown`. */
  static async keep(): Promise<Lab> {
    await sweep();
    const taken = new Set((await listLabs()).map(({ name }) => name));
    for (let n = 1; n <= MAX_KEPT; n++) {
      if (!taken.has(keptName(n))) return Lab.#make(keptName(n));
    }
    throw new Error(`${MAX_KEPT} labs are there already: take some down`);
  }

  static async #make(name: string): Promise<Lab> {
    const namespace = await Namespace.create(`${name}.${PUBLIC_NETWORK}`);
    const subnet = new Subnet(`${PUBLIC}.${networkNumber(name)}`);
    return new Lab(name, await Switch.create(namespace, subnet, true));
  }

  /** The machines, routers included, in the order in which they were made. */
  get hosts(): readonly Host[] {
    return this.#hosts;
  }

  /** A folder for what the lab's processes keep; it is removed with the lab, and not made here. */
  get folder(): string {
    return folderOf(this.name);
  }

  /** A new machine, on the public network or where it is said to be. */
  async host(name: string, at: Switch = this.public): Promise<Host> {
    const host = await Host.create(name, await this.#namespace(name), at);
    this.#hosts.push(host);
    return host;
  }

  /** A new router with a private network behind it, like all others at 192.168.1.0/24. */
  async nat(name: string, options: NatOptions = {}): Promise<Nat> {
    const between = { outside: this.public, inside: new Subnet(PRIVATE) };
    const nat = await Nat.build(name, await this.#namespace(name), between, options);
    this.#hosts.push(nat);
    return nat;
  }

  /** A second switch of a network, and the cable between the two: where networks are parted. */
  async extend(network: Switch = this.public): Promise<{ switch: Switch; trunk: Link }> {
    const namespace = await this.#namespace(`switch${this.#switches.length + 1}`);
    const far = await Switch.create(namespace, network.subnet, false);
    this.#switches.push(far);
    const trunk = await Link.lay({ namespace, device: TRUNK }, network);
    await namespace.ip('link', 'set', TRUNK, 'master', BRIDGE);
    return { switch: far, trunk };
  }

  async close(): Promise<void> {
    await removeAll(this.#namespaces);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #namespace(name: string): Promise<Namespace> {
    if (!/^[a-z][a-z0-9-]*$/.test(name)) {
      throw new TypeError(`a machine's name is of a-z, 0-9 and -, not ${JSON.stringify(name)}`);
    }
    const namespace = await Namespace.create(`${this.name}.${name}`);
    this.#namespaces.push(namespace);
    return namespace;
  }
}

/** A lab that is there, whoever made it. */
export interface FoundLab {
  readonly name: string;
  /** Namespaces with their whole names. */
  readonly namespaces: readonly string[];
}

/** The labs on this machine, by name. */
export async function listLabs(): Promise<FoundLab[]> {
  const labs = new Map<string, string[]>();
  for (const line of (await runTool('ip', ['netns', 'list'])).split('\n')) {
    const [namespace = ''] = line.split(' ');
    if (!namespace.startsWith(`${LAB_PREFIX}-`)) continue;
    const [lab = ''] = namespace.split('.');
    labs.set(lab, [...(labs.get(lab) ?? []), namespace]);
  }
  return [...labs].sort().map(([name, namespaces]) => ({ name, namespaces: namespaces.sort() }));
}

/** Ends what runs in a lab and removes it. */
export async function takeDown({ name, namespaces }: FoundLab): Promise<void> {
  await removeAll(namespaces.map((each) => new Namespace(each)));
  await rm(folderOf(name), { recursive: true, force: true, maxRetries: 5 });
}

/** Takes down the labs whose process is gone. */
export async function sweep(): Promise<void> {
  for (const lab of await listLabs()) if (!hasOwner(lab.name)) await takeDown(lab);
}

/** Two processes may sweep at once: what the other one removed is no failure. */
async function removeAll(namespaces: readonly Namespace[]): Promise<void> {
  const removed = await Promise.allSettled(namespaces.map((each) => each.remove()));
  const there = new Set((await listLabs()).flatMap((lab) => lab.namespaces));
  removed.forEach((result, k) => {
    const name = namespaces[k]?.name ?? '';
    if (result.status === 'rejected' && there.has(name)) throw result.reason;
  });
}

function folderOf(lab: string): string {
  return join(tmpdir(), lab);
}

/** Labs never meet; a number of its own for each is for those who read their logs. */
function networkNumber(lab: string): number {
  let number = 0;
  for (const character of lab) number = (number * 31 + character.charCodeAt(0)) % 254;
  return number + 1;
}
