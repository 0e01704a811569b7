import { attach, DEVICE, Host } from './host.ts';
import type { Namespace } from './namespace.ts';
import type { Subnet } from './subnet.ts';
import { BRIDGE, Switch } from './switch.ts';

/** How a router lets its network out. */
export interface NatOptions {
  /** TCP ports that may be dialed outside; nothing else gets out. @default everything gets out */
  readonly onlyPorts?: readonly number[];
}

/**
 * A router as in an office or at home: the machines behind it leave under its own address, and
 * nothing gets in but answers.
 */
export class Nat extends Host {
  /** The network behind it. */
  readonly inside: Switch;
  readonly onlyPorts: readonly number[] | null;

  private constructor(
    name: string,
    namespace: Namespace,
    at: Awaited<ReturnType<typeof attach>>,
    rest: { readonly inside: Switch; readonly onlyPorts: readonly number[] | null },
  ) {
    super(name, namespace, at);
    this.inside = rest.inside;
    this.onlyPorts = rest.onlyPorts;
  }

  /** Plugs a new router into a switch, with a network of these addresses behind it. */
  static async build(
    name: string,
    namespace: Namespace,
    between: { readonly outside: Switch; readonly inside: Subnet },
    options: NatOptions,
  ): Promise<Nat> {
    const onlyPorts = options.onlyPorts ?? null;
    const at = await attach(namespace, between.outside);
    const inside = await Switch.create(namespace, between.inside, true);
    await namespace.rules(rulesOf(onlyPorts));
    await namespace.set('net/ipv4/ip_forward', 1);
    // IPv6 would be a second way out that nothing guards.
    await namespace.set('net/ipv6/conf/all/disable_ipv6', 1);
    return new Nat(name, namespace, at, { inside, onlyPorts });
  }

  /** Hands a TCP port on to the same port of a machine behind this router. */
  async forward(port: number, to: Host): Promise<void> {
    await this.namespace.rules(`
      add rule ip translate arrivals iifname "${DEVICE}" tcp dport ${port} dnat to ${to.address}
      insert rule inet guard forward iifname "${DEVICE}" ip daddr ${to.address} tcp dport ${port} \\
        accept
    `);
  }
}

/** Some kernels show what stays inside, from port to port, to the forward chain, too. */
function rulesOf(onlyPorts: readonly number[] | null): string {
  const ports = onlyPorts === null ? '' : ` tcp dport { ${onlyPorts.join(', ')} }`;
  return `
    table ip translate {
      chain arrivals {
        type nat hook prerouting priority dstnat; policy accept
      }
      chain departures {
        type nat hook postrouting priority srcnat; policy accept
        oifname "${DEVICE}" masquerade
      }
    }
    table inet guard {
      chain forward {
        type filter hook forward priority filter; policy drop
        ct state established,related accept
        iifname "${BRIDGE}" oifname "${BRIDGE}" accept
        iifname "${BRIDGE}" oifname "${DEVICE}"${ports} accept
      }
      chain input {
        type filter hook input priority filter; policy drop
        ct state established,related accept
        iifname { "lo", "${BRIDGE}" } accept
      }
    }`;
}
