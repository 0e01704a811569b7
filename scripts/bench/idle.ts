import { setTimeout as sleep } from 'node:timers/promises';
import { type Row, spread } from './figures.ts';
import { type BenchPeer, type BenchPeers, openMesh, seesAlive } from './peers.ts';
import { processorMs, residentMib } from './proc.ts';

const IDLE_MS = 10_000;

/** Memory and processor time of peers without jobs, from /proc. */
export async function idle(peers: BenchPeers): Promise<Row[]> {
  const first = await peers.start('idle-0', 1);
  await sleep(IDLE_MS);
  const alone = residentMib(first.pid);
  const all = [first];
  for (const name of ['idle-1', 'idle-2']) all.push(await peers.start(name, 1, [first.invite]));
  await seeAll(first, all.length);
  const shares = await processorShares(all);
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
      figure: 'memory of an idle peer, mesh of three',
      measured: spread(together, 0, 'MiB'),
      target: '',
      how: `each of the three, after ${seconds} s more`,
    },
    {
      figure: 'processor time of an idle peer, mesh of three',
      measured: spread(shares, 1, '% of a core'),
      target: '',
      how: `each of the three, over ${seconds} s`,
    },
  ];
}

/** The client is closed again, so that the peers are idle. */
async function seeAll(peer: BenchPeer, count: number): Promise<void> {
  await using mesh = await openMesh(peer.home);
  await seesAlive(mesh, count);
}

async function processorShares(all: readonly BenchPeer[]): Promise<number[]> {
  const before = all.map(({ pid }) => processorMs(pid));
  const start = performance.now();
  await sleep(IDLE_MS);
  const passed = performance.now() - start;
  return all.map((peer, k) => ((processorMs(peer.pid) - (before[k] ?? 0)) * 100) / passed);
}
