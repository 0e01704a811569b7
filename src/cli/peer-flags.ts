import { TIERS, type Tier } from '../work/sandbox/sandbox.ts';
import {
  bytesPerSecond,
  cacheSize,
  displayName,
  machineTag,
  memorySize,
  peerId,
  sandboxTier,
  scratchSize,
  tcpMultiaddr,
  wholeNumber,
  wholePath,
} from './option-values.ts';
import type { Flag } from './verb.ts';

/** The options that `start` and `join` share. */
export interface PeerFlags {
  readonly listen?: readonly string[];
  readonly announce?: readonly string[];
  /** In bytes a second. */
  readonly relayRate?: number;
  readonly slots?: number;
  readonly nice?: number;
  readonly memory?: number;
  readonly name?: string;
  readonly trust?: readonly string[];
  readonly tag?: readonly string[];
  readonly grantNet?: boolean;
  readonly grantRead?: readonly string[];
  readonly grantWrite?: readonly string[];
  readonly sandbox?: Tier;
  /** In bytes. */
  readonly scratch?: number;
  /** In bytes. */
  readonly folder?: number;
  /** In bytes. */
  readonly cache?: number;
}

export const PEER_FLAGS: readonly Flag[] = [
  {
    flags: '--listen <multiaddr>',
    help:
      'address to listen on, several times; …/ws: like a web server (default: all interfaces, ' +
      'IPv4 and IPv6, free ports that are kept)',
    parse: tcpMultiaddr,
    many: true,
  },
  {
    flags: '--announce <multiaddr>',
    help: 'address to tell the others instead, behind a port forwarding; several times',
    parse: tcpMultiaddr,
    many: true,
  },
  {
    flags: '--relay-rate <bytes>',
    help: 'what it relays for others, a second at most: 5MB, 500kB; 0: nothing (default: no cap)',
    parse: bytesPerSecond,
  },
  {
    flags: '--slots <n>',
    help: 'executors; 0: evaluate nothing here (default: one per core)',
    parse: wholeNumber(0, 1024),
  },
  {
    flags: '--nice <n>',
    help: 'how much executors yield to other programs: 0 to 19 (default: 10)',
    parse: wholeNumber(0, 19),
  },
  {
    flags: '--memory <size>',
    help: 'most memory of all slots together, such as 8GB (default: what jobs allow)',
    parse: memorySize,
  },
  {
    flags: '--name <name>',
    help: 'what others see (default: the host name)',
    parse: displayName,
  },
  {
    flags: '--trust <peer>',
    help: 'run the jobs of this publisher alone, several times; kept: see `meshd trust`',
    parse: peerId,
    many: true,
  },
  {
    flags: '--tag <tag>',
    help: 'what this machine has, for jobs with --needs: gpu; several times',
    parse: machineTag,
    many: true,
  },
  { flags: '--grant-net', help: 'the jobs of others may open connections from here' },
  {
    flags: '--grant-read <path>',
    help: 'the jobs of others may read this; several times',
    parse: wholePath,
    many: true,
    complete: 'file',
  },
  {
    flags: '--grant-write <folder>',
    help: 'the jobs of others may read and write this, and run commands there; several times',
    parse: wholePath,
    many: true,
    complete: 'folder',
  },
  {
    flags: '--sandbox <tier>',
    help:
      'what holds the jobs of others: none, permission (Node’s) or bwrap (bubblewrap: files, ' +
      'network, processes) (default: the tightest that works here: see `meshd status`)',
    parse: sandboxTier,
    complete: TIERS,
  },
  {
    flags: '--scratch <size>',
    help: 'what a candidate may leave in its scratch folder at most (default: 1GB)',
    parse: scratchSize,
  },
  {
    flags: '--folder <size>',
    help: 'what a command may have in the folder that its files are sent to (default: 10GB)',
    parse: scratchSize,
  },
  {
    flags: '--cache <size>',
    help: 'what files that commands were sent, or made, may take of the disk; kept (default: 10GB)',
    parse: cacheSize,
  },
];
