import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { OpenMesh } from '../control/open.ts';
import type { Finding, HealthFacts } from '../node/reports/health.ts';
import type { DialTry } from '../node/reports/health-probe.ts';
import { type Context, print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { formatBytes, formatRelaying, shortPeer } from './format.ts';
import { formatPairs } from './table.ts';
import type { Verb } from './verb.ts';

export const doctor: Verb = {
  name: 'doctor',
  group: 'This machine',
  summary: 'say why this machine is not in its mesh or is slow, and what to do',
  notes:
    'It looks at ports, ways to the others, relays, clocks, versions, Math classes, the disk and ' +
    'the load, with a running peer or without, and dials members that are not connected. Exit 0: ' +
    'all is well; 1: each finding has a next step.',
  examples: ['meshd doctor', 'meshd doctor --json'],
  positionals: [],
  flags: [],
  async run(context) {
    const { connectControl } = await import('../control/client.ts');
    const { findingsOf } = await import('../node/reports/health.ts');
    const mesh = await connectControl(context.home);
    const facts = mesh === null ? await factsOfHome(context) : await factsOf(context, mesh);
    const findings = findingsOf(facts);
    const { home, tries, peers, freeBytes } = facts;
    const report = { well: findings.length === 0, home, findings, peers, tries, freeBytes };
    print(context, doctorText(facts, findings), report);
    return findings.length === 0 ? EXIT.done : EXIT.failed;
  },
};

/** What is known of a home where no peer runs; nothing is made there. */
async function factsOfHome({ home: path }: Context): Promise<HealthFacts> {
  const { dialMembers, freeBytesOf, rememberedMembers, takenPorts } = await import(
    '../node/reports/health-probe.ts'
  );
  const base = { ...localFacts(path), status: null, peers: [] };
  if (!existsSync(path)) {
    return { ...base, isMember: false, tries: [], takenPorts: [], freeBytes: null };
  }
  const { Home } = await import('../node/home.ts');
  const home = await Home.open(path);
  const { listen = [] } = await home.settings();
  const members = existsSync(home.database) ? await rememberedMembers(home) : new Map();
  return {
    ...base,
    isMember: existsSync(join(path, 'mesh')),
    tries: await dialMembers(members, listen),
    takenPorts: await takenPorts(listen),
    freeBytes: await freeBytesOf(path),
  };
}

async function factsOf({ home }: Context, mesh: OpenMesh): Promise<HealthFacts> {
  const { dialMembers, freeBytesOf } = await import('../node/reports/health-probe.ts');
  const [status, peers] = await Promise.all([mesh.status(), mesh.peers()]);
  const apart = peers.filter(({ self, via }) => !self && via === 'none');
  const members = new Map(apart.map(({ peer, addresses }) => [peer, addresses]));
  return {
    ...localFacts(home),
    ...{ status, peers, isMember: status.mesh !== null, takenPorts: [] },
    tries: await dialMembers(members, status.addresses),
    freeBytes: await freeBytesOf(home),
  };
}

function localFacts(home: string): Pick<HealthFacts, 'home' | 'cores' | 'wallMs'> {
  return { home, cores: availableParallelism(), wallMs: Date.now() };
}

function doctorText(facts: HealthFacts, findings: readonly Finding[]): string {
  const { status, peers, tries, freeBytes } = facts;
  const others = peers.filter(({ self }) => !self);
  const rate = status?.relayBytesPerSecond;
  const pairs = formatPairs([
    ['home', facts.home],
    ['peer', status === null ? 'none runs' : `${status.name} (${shortPeer(status.peer)})`],
    ...(status?.addresses ?? []).map((address) => ['listens', address] as const),
    ['relays', rate === undefined ? null : formatRelaying(rate)],
    ...others.map((row) => ['reaches', `${row.name}: ${wayTo(row, peers)}`] as const),
    ...tries.map((each) => ['dialed', tryText(each)] as const),
    ['disk', freeBytes === null ? null : `${formatBytes(freeBytes)} free`],
  ]);
  if (findings.length === 0) return `${pairs}\n\nall is well`;
  const told = findings.map(({ what, next }, k) => `${k + 1}. ${what}\n   next: ${next}`);
  return `${pairs}\n\n${told.join('\n')}`;
}

type Row = HealthFacts['peers'][number];

function wayTo({ state, via, relay, rttMs }: Row, peers: readonly Row[]): string {
  if (state === 'dead') return 'silent';
  const name = peers.find(({ peer }) => peer === relay)?.name ?? relay;
  const way = via === 'relay' ? `by the relay ${name}` : via === 'none' ? 'over others' : via;
  return rttMs === null ? way : `${way}, ${rttMs.toFixed(1)} ms`;
}

function tryText({ peer, host, port, fault }: DialTry): string {
  const result = { refused: 'nobody listens', timeout: 'no answer', unreachable: 'no way there' };
  return `${host} port ${port} (${shortPeer(peer)}): ${fault === null ? 'open' : result[fault]}`;
}
