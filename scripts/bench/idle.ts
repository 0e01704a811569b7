import { setTimeout as sleep } from 'node:timers/promises';
import { type Row, spread } from './figures.ts';
import { type BenchPeer, type BenchPeers, openMesh, seesAlive } from './peers.ts';
import { loopback, processorMs, residentMib } from './proc.ts';

const IDLE_MS = 10_000;
const PEERS = 10;

/** What ten peers without jobs take: memory, processor time, bytes over loopback. */
export async function idle(peers: BenchPeers): Promise<Row[]> {
  const first = await peers.start('idle-0', 1);
  await sleep(IDLE_MS);
  const alone = residentMib(first.pid);
  const all = [first];
  while (all.length < PEERS) {
    all.push(await peers.start(`idle-${all.length}`, 1, [first.invite]));
  }
  await seeAll(first, all.length);
  await sleep(IDLE_MS);
  const { shares, kilobytes } = await taken(all);
  const together = all.map(({ pid }) => residentMib(pid));
  await peers.stop();
  const seconds = IDLE_MS / 1000;
  return [
    {
      figure: 'memory of an idle peer, alone',
      measured: `${alone.toFixed(0)} MiB`,
      target: '',
      how: `resident set of meshd start after ${seconds} s without a job`,
    },
    {
      figure: 'memory of an idle peer, mesh of ten',
      measured: spread(together, 0, 'MiB'),
      target: '',
      how: `each of the ten, ${2 * seconds} s after the last one joined`,
    },
    {
      figure: 'processor time of an idle peer, mesh of ten',
      measured: spread(shares, 1, '% of a core'),
      target: '< 2 %',
      how: `each of the ten, over ${seconds} s`,
    },
    {
      figure: 'traffic of an idle peer, mesh of ten',
      measured: `${kilobytes.toFixed(1)} kB/s`,
      target: '< 15 kB/s',
      how: `what one sends, over ${seconds} s: all that went over loopback, headers too`,
    },
  ];
}

/** The client is closed again, so that the peers are idle. */
async function seeAll(peer: BenchPeer, count: number): Promise<void> {
  await using mesh = await openMesh(peer.home);
  await seesAlive(mesh, count);
}

/** Shares of a core, in percent, of each; kilobytes that one sends a second. */
async function taken(
  all: readonly BenchPeer[],
): Promise<{ readonly shares: number[]; readonly kilobytes: number }> {
  const before = all.map(({ pid }) => processorMs(pid));
  const bytesBefore = loopback().bytes;
  const start = performance.now();
  await sleep(IDLE_MS);
  const passed = performance.now() - start;
  const shares = all.map(({ pid }, k) => ((processorMs(pid) - (before[k] ?? 0)) * 100) / passed);
  // Bytes in a millisecond are kilobytes in a second.
  return { shares, kilobytes: (loopback().bytes - bytesBefore) / passed / all.length };
}
