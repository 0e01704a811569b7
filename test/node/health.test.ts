import { describe, expect, test } from 'vitest';
import { NO_OFFER } from '../../src/core/needs.ts';
import type { PeerRow, StatusReport } from '../../src/node/mesh.ts';
import { findingsOf, type HealthFacts } from '../../src/node/reports/health.ts';

const WALL_MS = 1.7e12;

const own: PeerRow = {
  ...{ peer: 'P0', name: 'here', self: true, state: 'alive', via: 'self', relay: null, rttMs: 0 },
  ...{ slots: 2, busy: 1, idle: 1, tags: [], load: 1, version: '1.0.0', mathClass: 'aa' },
  ...{ addresses: ['/ip4/192.0.2.1/tcp/4001/p2p/P0'], startedAt: WALL_MS },
};
const other: PeerRow = {
  ...own,
  ...{ peer: 'P1', name: 'there', self: false, via: 'direct', rttMs: 2, load: null },
};
const status: StatusReport = {
  ...{ peer: 'P0', name: 'here', version: '1.0.0', home: '/home', mesh: 'm' },
  ...{
    addresses: own.addresses,
    slots: 2,
    busy: 1,
    offer: NO_OFFER,
    sandbox: {
      ...{ functions: 'permission', commands: 'none', notes: [] },
      ...{ othersFunctions: 'bwrap', othersCommands: 'bwrap', unheld: null },
    },
    tags: [],
    memoryLimit: 'process',
    mathClass: 'aa',
  },
  relayBytesPerSecond: null,
  ...{ peers: { alive: 2, suspect: 0, dead: 0 }, jobs: { active: 1, ended: 0 } },
  files: { bytes: 0, files: 0, quotaBytes: 1e10 },
  ...{ uptimeSeconds: 1, rssBytes: 1, notices: [] },
};
const WELL: HealthFacts = {
  ...{ home: '/home', isMember: true, status, peers: [own, other], tries: [], takenPorts: [] },
  ...{ freeBytes: 1e12, cores: 4, wallMs: WALL_MS },
};
const dead: HealthFacts = { ...WELL, peers: [own, { ...other, state: 'dead', via: 'none' }] };
const tried = { peer: 'P1', host: '192.0.2.2', port: 4001 } as const;

/** What is found, and what is next, as one text. */
function told(facts: Partial<HealthFacts>): string {
  const findings = findingsOf({ ...WELL, ...facts });
  return findings.map(({ about, what, next }) => `${about}: ${what} → ${next}`).join('\n');
}

function withOther(change: Partial<PeerRow>): Partial<HealthFacts> {
  return { peers: [own, { ...other, ...change }] };
}

/** What is wrong, and what one line must say of it. */
const TABLE: readonly (readonly [name: string, facts: Partial<HealthFacts>, says: RegExp])[] = [
  ['no mesh', { isMember: false, status: null, peers: [] }, /^mesh: .*no mesh → .*meshd join/],
  ['no peer', { status: null, peers: [] }, /^mesh: no peer runs on \/home → `meshd join`/],
  ['a port taken', { takenPorts: [4001] }, /^ports: .*port 4001.* → .*--listen/],
  ['no port', { status: { ...status, addresses: [] } }, /^ports: .*nowhere → /],
  ['nobody', { peers: [own] }, /^mesh: no other member is known here → .*meshd invite/],
  [
    'a silent one',
    { ...dead, tries: [{ ...tried, fault: 'timeout' }] },
    /^reach: none of.*firewall/,
  ],
  ['a dead one', { ...dead, tries: [{ ...tried, fault: 'refused' }] }, /^reach: none of.*→ run/],
  ['no network', { ...dead, tries: [{ ...tried, fault: 'unreachable' }] }, /in a network\?/],
  ['another secret', { ...dead, tries: [{ ...tried, fault: null }] }, /secret rotated\?/],
  ['a relay', withOther({ via: 'relay', relay: 'P2' }), /^reach: there .*relays.*port 4001/],
  ['no way', withOther({ via: 'none' }), /^reach: there .*word alone → one machine/],
  ['a slow way', withOther({ rttMs: 900 }), /^reach: there take more than 300 ms/],
  ['clocks', withOther({ startedAt: WALL_MS + 600_000 }), /^clock: .*this machine is behind.*NTP/],
  ['versions', withOther({ version: '1.1.0' }), /^version: .*1\.0\.0, there 1\.1\.0 → upgrade/],
  ['Math', withOther({ mathClass: 'bb' }), /^math: .*there.* → .*version of Node/],
  ['the disk', { freeBytes: 5e8 }, /^disk: .*476 MiB left → /],
  ['no slots', { status: { ...status, slots: 0 } }, /^work: this peer has no slots/],
  [
    'other programs',
    { peers: [{ ...own, load: 4.2 }, other] },
    /^work: .*want 3 cores, and there are 4.*--slots/,
  ],
  ['a notice', { status: { ...status, notices: ['pi (12): odd'] } }, /^work: pi \(12\): odd → /],
];

describe('doctor', () => {
  test('finds nothing where all is well', () => {
    expect(told({})).toBe('');
  });

  test.each(TABLE)('names %s in one line with a next step', (_, facts, says) => {
    expect(told(facts)).toMatch(says);
    expect(told(facts).split('\n')).toHaveLength(1);
  });

  test('takes a member for reachable whose port answers while no peer runs here', () => {
    const facts = { status: null, peers: [], tries: [{ ...tried, fault: null }] };
    expect(told(facts)).toMatch(/^mesh: no peer runs on .*$/);
  });

  test('of one clock ahead among many blames that one', () => {
    const rows = [2, 3, 4].map((k) => ({ ...other, peer: `P${k}`, name: `n${k}` }));
    const late = { ...other, startedAt: WALL_MS + 600_000 };
    expect(told({ peers: [own, late, ...rows] })).toMatch(/^clock: the clock of there is ahead/);
  });
});
