import { needsText } from '../core/needs.ts';
import type { StatusReport } from '../node/mesh.ts';
import { memoryText } from '../work/memory-text.ts';
import type { Tier } from '../work/sandbox/sandbox.ts';
import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { formatBytes, formatRelaying, formatSeconds } from './format.ts';
import { formatPairs } from './table.ts';
import { withRunningPeer } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const status: Verb = {
  name: 'status',
  group: 'This machine',
  summary: 'what this peer is and does',
  examples: ['meshd status', 'meshd status --json'],
  positionals: [],
  flags: [],
  async run(context) {
    const report = await withRunningPeer(context, (mesh) => mesh.status());
    print(context, statusText(report), report);
    return EXIT.done;
  },
};

/** What `meshd status` says. */
export function statusText(report: StatusReport): string {
  const { peers, jobs } = report;
  const gone =
    peers.suspect + peers.dead === 0 ? '' : `, ${peers.suspect} suspect, ${peers.dead} dead`;
  return formatPairs([
    ['peer', `${report.name} (${report.peer})`],
    ['mesh', report.mesh ?? 'none: it works alone'],
    ['home', report.home],
    ...report.addresses.map((address) => ['address', address] as const),
    ['slots', `${report.busy} of ${report.slots} busy`],
    ['tags', report.tags.length === 0 ? null : report.tags.join(', ')],
    ...sandboxLines(report.sandbox),
    ['grants', grantsText(report.offer)],
    ['memory', sharedMemoryText(report.offer)],
    ['relays', report.mesh === null ? null : formatRelaying(report.relayBytesPerSecond)],
    [
      'limits',
      report.memoryLimit === 'process tree'
        ? 'time of candidates; memory of executors with all that they start'
        : 'time of candidates; memory of executors, without what they start',
    ],
    ['peers', `${peers.alive} alive${gone}`],
    ['jobs', `${jobs.active} active, ${jobs.ended} ended`],
    ['files', filesText(report.files)],
    ['version', `${report.version}, Math class ${report.mathClass}`],
    ['up', `${formatSeconds(report.uptimeSeconds)}, ${formatBytes(report.rssBytes)} of memory`],
    ...report.notices.map((notice) => ['notice', notice] as const),
  ]);
}

function filesText({ bytes, files, quotaBytes }: StatusReport['files']): string {
  const most = formatBytes(quotaBytes);
  if (files === 0) return `none is kept for commands; up to ${most} will be`;
  return `${formatBytes(bytes)} of ${most} kept for commands; see \`meshd gc\``;
}

/** What the jobs of others may do; null: nothing. */
function grantsText({ net, reads, writes }: StatusReport['offer']): string | null {
  const text = needsText({ cpus: 1, tags: [], net, reads, writes });
  return text === '' ? null : `to jobs of others: ${text}`;
}

function sharedMemoryText({ memoryBytes }: StatusReport['offer']): string | null {
  return memoryBytes === null ? null : `${memoryText(memoryBytes)} for all slots together`;
}

function sandboxLines(sandbox: StatusReport['sandbox']): (readonly [string, string])[] {
  const { functions, commands, othersFunctions, othersCommands, unheld, notes } = sandbox;
  const others =
    othersFunctions === othersCommands
      ? `jobs ${heldText(othersFunctions)}`
      : `functions ${heldText(othersFunctions)}, commands ${heldText(othersCommands)}`;
  const own = `your functions ${heldText(functions)}, your commands ${heldText(commands)}`;
  return [
    ['sandbox', `${own}; other people’s ${others}`],
    ...(unheld === null ? [] : [['', `warning: ${unheld}`] as const]),
    ...notes.map((note) => ['', note] as const),
  ];
}

/** What holds user code, as a person says it. */
function heldText(tier: Tier | null): string {
  if (tier === null) return 'are not run';
  return tier === 'none' ? 'run with all your rights (no sandbox)' : `held by ${tier}`;
}
