import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Row, spread } from './figures.ts';
import { writeFunction } from './functions.ts';
import { type BenchPeers, openMesh } from './peers.ts';

const WARM_ROUNDS = 15;
/** Before each publication: nobody publishes as soon as an answer has come. */
const REST_MS = 500;
const COLD_ROUNDS = 5;

/** Time to a first result: of the library on a warm mesh, and of the command on a new home. */
export async function latency(peers: BenchPeers): Promise<Row[]> {
  const fn = writeFunction(peers.folder, 'tenth');
  const warm = await warmTimes(peers, fn);
  const cold: number[] = [];
  for (let round = 0; round < COLD_ROUNDS; round += 1) {
    cold.push(await coldTime(peers, fn, join(peers.folder, `cold-${round}`)));
  }
  return [
    {
      figure: 'publish to the first result, warm mesh',
      measured: spread(warm, 0, 'ms'),
      target: '< 200 ms',
      how: `library, running peer of 2 slots, new computation each; ${WARM_ROUNDS} rounds`,
    },
    {
      figure: 'command to its first line, cold',
      measured: spread(cold, 0, 'ms'),
      target: '< 2000 ms',
      how: `meshd publish on a new home; ${COLD_ROUNDS} rounds`,
    },
  ];
}

async function warmTimes(peers: BenchPeers, fn: string): Promise<number[]> {
  const peer = await peers.start('latency', 2);
  await using mesh = await openMesh(peer.home);
  const times: number[] = [];
  for (let round = -1; round < WARM_ROUNDS; round += 1) {
    await sleep(REST_MS);
    const start = performance.now();
    const job = await mesh.publish({ fn, accept: 1000, seed: round + 1 });
    for await (const _ of job.results()) break;
    // The first round warms up the peer.
    if (round >= 0) times.push(performance.now() - start);
    await job.done();
  }
  await peers.stop();
  return times;
}

async function coldTime(peers: BenchPeers, fn: string, home: string): Promise<number> {
  const start = performance.now();
  const child = peers.command(['publish', fn, '--accept', '10', '--home', home]);
  const closed = once(child, 'close');
  if (child.stdout === null) throw new Error('the command has no stdout');
  await Promise.race([
    once(child.stdout, 'data'),
    closed.then(([code]) => Promise.reject(new Error(`meshd publish ended with ${code}`))),
  ]);
  const ms = performance.now() - start;
  await closed;
  return ms;
}
