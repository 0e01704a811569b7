import { InvalidArgumentError } from 'commander';
import { MeshError } from '../core/mesh-error.ts';
import type { PeerRow } from '../node/mesh.ts';
import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { shortPeer } from './format.ts';
import { formatTable, type TableColumn } from './table.ts';
import { withRunningPeer } from './use-mesh.ts';
import type { Verb } from './verb.ts';

/** A table of some of the peers; a relay among them all is shown by its name. */
export function peersTable(all: readonly PeerRow[], shown: readonly PeerRow[]): string {
  return formatTable(columnsOf(all), shown);
}

function columnsOf(rows: readonly PeerRow[]): readonly TableColumn<PeerRow>[] {
  const hasTags = rows.some(({ tags }) => tags.length > 0);
  const names = new Map(rows.map(({ peer, name }) => [peer, name]));
  return [
    { title: 'NAME', text: ({ name, self }) => (self ? `${name} (this)` : name) },
    { title: 'PEER', text: ({ peer }) => shortPeer(peer) },
    { title: 'STATE', text: ({ state }) => state },
    {
      title: 'VIA',
      text: ({ via, relay }) =>
        relay === null ? via : `${via} ${names.get(relay) ?? shortPeer(relay)}`,
    },
    {
      title: 'RTT',
      text: ({ rttMs }) => (rttMs === null ? '' : `${rttMs.toFixed(1)} ms`),
      right: true,
    },
    { title: 'BUSY', text: ({ busy, slots }) => `${busy}/${slots}`, right: true },
    { title: 'IDLE', text: ({ idle }) => `${idle}`, right: true },
    { title: 'LOAD', text: ({ load }) => (load === null ? '' : load.toFixed(2)), right: true },
    ...(hasTags ? [{ title: 'TAGS', text: ({ tags }: PeerRow) => tags.join(' ') }] : []),
    { title: 'VERSION', text: ({ version }) => version },
  ];
}

interface PeersFlags {
  readonly force?: boolean;
  readonly idle?: boolean;
}

export const peers: Verb<readonly ['remove'?, string?], PeersFlags> = {
  name: 'peers',
  group: 'This machine',
  summary: 'the peers that this one knows; remove one from the mesh',
  notes:
    'VIA says how a peer is connected: direct, or by a relay and its name; none: over others. ' +
    'BUSY and IDLE count slots. LOAD is the mean number of processes on that machine that ' +
    'wanted a processor in the last minute, as it last told; Windows has no such figure.\n\n' +
    '`peers remove PEER` puts a machine on the deny list of every member, for good, and rotates ' +
    'the mesh secret. What it evaluated before still counts. PEER is an id, the beginning of ' +
    'one, or a name.',
  examples: [
    'meshd peers',
    'meshd peers --idle   # those that have slots free',
    'meshd peers --json   # one object a line',
    'meshd peers remove node-7',
  ],
  positionals: [
    { name: '[action]', help: 'remove', parse: removeOnly, complete: ['remove'] },
    { name: '[peer]', help: 'whom to remove' },
  ],
  flags: [
    { flags: '--idle', help: 'only peers with slots that are not busy' },
    { flags: '--force', help: 'also remove this machine, or the only other one' },
  ],
  async run(context, [action, peer], { force = false, idle = false }) {
    if (action !== undefined) {
      if (peer === undefined) throw new MeshError('MESH_USAGE', 'remove needs the peer to remove');
      const { removePeer } = await import('./peers-remove.ts');
      return removePeer(context, peer, force);
    }
    const rows = await withRunningPeer(context, (mesh) => mesh.peers());
    const shown = idle ? rows.filter((row) => row.idle > 0) : rows;
    if (!context.json) print(context, peersTable(rows, shown), null);
    else for (const row of shown) print(context, '', row);
    return EXIT.done;
  },
};

function removeOnly(text: string): 'remove' {
  if (text === 'remove') return text;
  throw new InvalidArgumentError('It must be remove, or nothing.');
}
