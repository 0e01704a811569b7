import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from './namespace.ts';
import { runTool } from './run-tool.ts';
import { BRIDGE, type Switch } from './switch.ts';

/** One end of a cable. */
export interface End {
  readonly namespace: Namespace;
  readonly device: string;
}

/** Longest time that a packet waits at a limited link, in ms; then it is dropped. */
const QUEUE_MS = 400;

/** Least bytes that a limited link takes at once: a full frame of a machine's own offloading. */
const BURST_BYTES = 64 * 1024;

/** Shares of lost packets are counted in these. */
const PARTS = 10_000;

/** Longest wait for a device that has a carrier to be said to run, in ms; the kernel takes 1 s. */
const RUNNING_MS = 10_000;

/** A cable from a machine (or another switch) to a switch. */
export class Link {
  readonly #near: End;
  readonly #far: End;

  private constructor(near: End, far: End) {
    this.#near = near;
    this.#far = far;
  }

  /** Lays a cable: at the near end a new device of this name, at the far end a switch's port. */
  static async lay(near: End, to: Switch): Promise<Link> {
    const far = { namespace: to.namespace, device: to.nextPort() };
    const [a, b] = [near.namespace.name, far.namespace.name];
    const pair = ['type', 'veth', 'peer', 'name', far.device, 'netns', b];
    await runTool('ip', ['link', 'add', near.device, 'netns', a, ...pair]);
    await far.namespace.ip('link', 'set', far.device, 'master', BRIDGE, 'up');
    await near.namespace.ip('link', 'set', near.device, 'up');
    await untilRunning(near);
    return new Link(near, far);
  }

  /** Where it is pulled and plugged: the device in the switch's namespace. */
  get port(): End {
    return this.#far;
  }

  /** Pulls the cable out of the switch: nothing passes, and the near end loses its carrier. */
  async pull(): Promise<void> {
    await this.#far.namespace.ip('link', 'set', this.#far.device, 'down');
  }

  /** Plugs the cable in again; resolves once both ends run. */
  async plug(): Promise<void> {
    await this.#far.namespace.ip('link', 'set', this.#far.device, 'up');
    await Promise.all([this.#near, this.#far].map(untilRunning));
    // A question of meanwhile that ends now without an answer would fail what is sent from now on.
    await this.#near.namespace.ip('neighbour', 'flush', 'dev', this.#near.device);
  }

  /** Drops this share of packets in each direction, 0 … 1, in steps of 1/10000. 0: none. */
  async lose(share: number): Promise<void> {
    if (!(share >= 0 && share <= 1)) throw new RangeError(`a share of 0 … 1, not ${share}`);
    for (const { namespace, device } of [this.#near, this.#far]) {
      const table = `table netdev loss_${device}`;
      // Naming the table before deleting it: it need not be there yet.
      await namespace.rules(`${table}\ndelete ${table}`);
      const last = Math.round(share * PARTS) - 1;
      if (last < 0) continue;
      await namespace.rules(`${table} {
        chain arrivals {
          type filter hook ingress device "${device}" priority 0; policy accept
          numgen random mod ${PARTS} <= ${last} drop
        }
      }`);
    }
  }

  /** Limits each direction to this many bytes a second; null: no limit. */
  async limit(bytesPerSecond: number | null): Promise<void> {
    for (const { namespace, device } of [this.#near, this.#far]) {
      const discipline = ['qdisc', 'replace', 'dev', device, 'root'];
      const rule =
        bytesPerSecond === null
          ? ['pfifo_fast']
          : ['tbf', 'rate', `${Math.round(bytesPerSecond * 8)}bit`, 'burst', `${BURST_BYTES}`];
      const wait = bytesPerSecond === null ? [] : ['latency', `${QUEUE_MS}ms`];
      await runTool('tc', ['-n', namespace.name, ...discipline, ...rule, ...wait]);
    }
  }

  /** Removes the cable and both devices. */
  async remove(): Promise<void> {
    await this.#near.namespace.ip('link', 'delete', this.#near.device);
  }
}

/** A device that does not run yet is left out of what a process is told of its machine. */
async function untilRunning({ namespace, device }: End): Promise<void> {
  const until = performance.now() + RUNNING_MS;
  while (!(await namespace.ip('-brief', 'link', 'show', 'dev', device)).includes(' UP ')) {
    if (performance.now() > until) throw new Error(`${device} of ${namespace.name} does not run`);
    await sleep(20);
  }
}
