import type { PeerRow, StatusReport } from '../mesh.ts';
import type { DialTry } from './health-probe.ts';

/** Something that keeps a machine out of its mesh or slows it down, and what to do about it. */
export interface Finding {
  readonly about: 'mesh' | 'ports' | 'reach' | 'clock' | 'version' | 'math' | 'disk' | 'work';
  readonly what: string;
  readonly next: string;
}

/** What is known of a machine, from its running peer where there is one. */
export interface HealthFacts {
  readonly home: string;
  readonly isMember: boolean;
  /** Null where no peer runs on the home. */
  readonly status: StatusReport | null;
  /** Of the running peer, this one included. */
  readonly peers: readonly PeerRow[];
  /** What came of dialing the members that are not connected. */
  readonly tries: readonly DialTry[];
  /** Ports of the last run that another process has now. */
  readonly takenPorts: readonly number[];
  /** Null where the system does not say. */
  readonly freeBytes: number | null;
  readonly cores: number;
  /** ms since 1970. */
  readonly wallMs: number;
}

/** Free space below which a disk is nearly full. */
const LEAST_FREE_BYTES = 1_073_741_824;

/** A round trip above which a peer is far away, in ms. */
const SLOW_MS = 300;

/** A difference between two clocks that is no matter, in ms. */
const CLOCK_MS = 120_000;

/** Up to so many peers each is connected to each. */
const SMALL_MESH = 12;

/** What is wrong; empty when all is well. */
export function findingsOf(facts: HealthFacts): Finding[] {
  return [
    ...membership(facts),
    ...ports(facts),
    ...company(facts),
    ...ways(facts),
    ...clocks(facts),
    ...kinds(facts),
    ...machine(facts),
    ...notices(facts),
  ];
}

function membership({ home, isMember, status }: HealthFacts): Finding[] {
  if (!isMember) {
    const next = '`meshd join` with an invite from a member, or `meshd start` for a new mesh';
    return [{ about: 'mesh', what: `the home ${home} belongs to no mesh`, next }];
  }
  if (status !== null) return [];
  const next = '`meshd join` runs it; `meshd service install` does so at every log-in';
  return [{ about: 'mesh', what: `no peer runs on ${home}`, next }];
}

function ports({ status, takenPorts }: HealthFacts): Finding[] {
  const findings: Finding[] = takenPorts.map((port) => ({
    about: 'ports',
    what: `another process has port ${port}, where this peer listened before`,
    next: 'end that one, or give another --listen',
  }));
  if (status !== null && status.mesh !== null && status.addresses.length === 0) {
    const next = 'start it without --listen, or with /ip4/0.0.0.0/tcp/0: it can only dial now';
    findings.push({ about: 'ports', what: 'this peer listens nowhere', next });
  }
  return findings;
}

/** Whether anybody is there at all. */
function company({ isMember, status, peers, tries }: HealthFacts): Finding[] {
  if (!isMember) return [];
  const others = peers.filter(({ self }) => !self);
  if (others.some(({ state }) => state === 'alive')) return [];
  if (tries.length === 0 && others.length === 0) {
    if (status === null) return [];
    const next = 'give the line of `meshd invite` to another machine; alone it works all the same';
    return [{ about: 'mesh', what: 'no other member is known here', next }];
  }
  if (status === null && tries.some(({ fault }) => fault === null)) return [];
  const count = new Set(tries.map(({ peer }) => peer)).size || others.length;
  const what = `none of the ${count} other members that are known answers`;
  return [{ about: 'reach', what, next: nextAfter(tries) }];
}

/** What dials that failed tell. */
function nextAfter(tries: readonly DialTry[]): string {
  const faults = new Set(tries.map(({ fault }) => fault));
  const anew = 'if they moved, `meshd join` with a new invite';
  if (faults.has(null)) {
    return `their ports answer, but not as members: was the mesh secret rotated? ${anew}`;
  }
  if (faults.has('refused')) return `run \`meshd join\` there; ${anew}`;
  if (faults.has('timeout')) {
    return `are they on, and does a firewall let their TCP port in? ${anew}`;
  }
  return `is this machine in a network? ${anew}`;
}

/** How the others are reached. */
function ways({ peers, status }: HealthFacts): Finding[] {
  const others = peers.filter(({ self, state }) => !self && state === 'alive');
  const findings: Finding[] = [];
  const relayed = others.filter(({ via }) => via === 'relay');
  if (relayed.length > 0) {
    const what = `${namesOf(relayed)} can be reached through relays alone, which is slower`;
    findings.push({ about: 'reach', what, next: forwarding(status) });
  }
  const lost = others.filter(({ via }) => via === 'none');
  if (lost.length > 0 && others.length <= SMALL_MESH) {
    const what = `${namesOf(lost)} can be reached through other members' word alone`;
    const next = `one machine that all can dial helps all: there, ${forwarding(status)}`;
    findings.push({ about: 'reach', what, next });
  }
  const far = others.filter(({ rttMs }) => rttMs !== null && rttMs > SLOW_MS);
  if (far.length > 0) {
    const what = `${namesOf(far)} take more than ${SLOW_MS} ms to answer`;
    const next = 'look at the network between, and at how busy those machines are';
    findings.push({ about: 'reach', what, next });
  }
  return findings;
}

function forwarding(status: StatusReport | null): string {
  const own = status?.addresses.map((address) => /\/tcp\/(\d+)/.exec(address)?.[1]);
  const port = own?.find((each) => each !== undefined) ?? '4001';
  return (
    `let TCP port ${port} in at the firewall, or forward it at the router and start with ` +
    `--announce /ip4/PUBLIC-ADDRESS/tcp/${port}`
  );
}

/** A start is numbered by its machine's clock: one that lies ahead shows that two disagree. */
function clocks({ peers, wallMs }: HealthFacts): Finding[] {
  const others = peers.filter(({ self }) => !self);
  const ahead = others.filter(({ startedAt }) => startedAt - wallMs > CLOCK_MS);
  if (ahead.length === 0) return [];
  const next = 'set the clocks by the network (NTP); answers do not depend on them, deadlines do';
  const isMine = ahead.length > others.length / 2;
  const what = isMine
    ? 'the clock of this machine is behind those of the others'
    : `the clock of ${namesOf(ahead)} is ahead, or was when it started`;
  return [{ about: 'clock', what, next }];
}

/** Versions and Math classes. */
function kinds({ peers, status }: HealthFacts): Finding[] {
  const others = peers.filter(({ self, state }) => !self && state !== 'dead');
  const own = status?.version ?? '';
  const findings: Finding[] = [];
  const differ = others.filter(({ version }) => version !== own);
  if (differ.length > 0) {
    const what = `this machine has meshd ${own}, ${labelled(differ, ({ version }) => version)}`;
    findings.push({ about: 'version', what, next: 'upgrade the older ones' });
  }
  const alien = others.filter(({ mathClass }) => mathClass !== status?.mathClass);
  if (alien.length > 0) {
    const what =
      `Math gives other bits on ${namesOf(alien)} than here: jobs that one side publishes, the ` +
      'other does not evaluate';
    findings.push({ about: 'math', what, next: 'run the same version of Node on all machines' });
  }
  return findings;
}

function machine({ freeBytes, status, peers, cores }: HealthFacts): Finding[] {
  const findings: Finding[] = [];
  if (freeBytes !== null && freeBytes < LEAST_FREE_BYTES) {
    const what = `the disk of the home has ${Math.floor(freeBytes / 1_048_576)} MiB left`;
    findings.push({ about: 'disk', what, next: 'free some space, or move the home (--home)' });
  }
  if (status !== null && status.slots === 0) {
    const what = 'this peer has no slots: it evaluates nothing';
    findings.push({ about: 'work', what, next: 'start it without --slots 0' });
  }
  const load = peers.find(({ self }) => self)?.load ?? 0;
  const foreign = load - (status?.busy ?? 0);
  if (status !== null && status.busy > 0 && foreign > Math.max(1, cores / 2)) {
    const what = `other programs want ${Math.round(foreign)} cores, and there are ${cores}`;
    findings.push({ about: 'work', what, next: 'start the peer with fewer --slots' });
  }
  return findings;
}

/** What the running peer says itself, but for what was found above. */
function notices({ status }: HealthFacts): Finding[] {
  const said = (status?.notices ?? []).filter((notice) => !notice.startsWith('none of the '));
  return said.map((what) => ({
    about: 'work',
    what,
    next: '`meshd show JOB` or the log says more',
  }));
}

function namesOf(rows: readonly PeerRow[]): string {
  const names = rows.slice(0, 4).map(({ name }) => name);
  return rows.length > 4 ? `${names.join(', ')} and ${rows.length - 4} more` : names.join(', ');
}

function labelled(rows: readonly PeerRow[], label: (row: PeerRow) => string): string {
  const shown = rows.slice(0, 4).map((row) => `${row.name} ${label(row)}`);
  return rows.length > 4 ? `${shown.join(', ')} and others` : shown.join(', ');
}
