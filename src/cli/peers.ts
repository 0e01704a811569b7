import type { PeerRow } from '../node/mesh.ts';
import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { shortPeer } from './format.ts';
import { formatTable, type TableColumn } from './table.ts';
import { withRunningPeer } from './use-mesh.ts';
import type { Verb } from './verb.ts';

const COLUMNS: readonly TableColumn<PeerRow>[] = [
  { title: 'NAME', text: ({ name, self }) => (self ? `${name} (this)` : name) },
  { title: 'PEER', text: ({ peer }) => shortPeer(peer) },
  { title: 'STATE', text: ({ state }) => state },
  { title: 'VIA', text: ({ via }) => via },
  {
    title: 'RTT',
    text: ({ rttMs }) => (rttMs === null ? '' : `${rttMs.toFixed(1)} ms`),
    right: true,
  },
  { title: 'BUSY', text: ({ busy, slots }) => `${busy}/${slots}`, right: true },
  { title: 'VERSION', text: ({ version }) => version },
];

export const peers: Verb = {
  name: 'peers',
  group: 'This machine',
  summary: 'the peers that this one knows',
  examples: ['meshd peers', 'meshd peers --json   # one object a line'],
  positionals: [],
  flags: [],
  async run(context) {
    const rows = await withRunningPeer(context, (mesh) => mesh.peers());
    if (!context.json) print(context, formatTable(COLUMNS, rows), null);
    else for (const row of rows) print(context, '', row);
    return EXIT.done;
  },
};
