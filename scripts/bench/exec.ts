import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { median, type Row, spread } from './figures.ts';
import { type BenchPeers, ENTRY } from './peers.ts';

const ROUNDS = 3;
const ITEMS = 100_000;
const WORKER = ['python3', 'examples/pi.py'] as const;

/** Lines a second through a worker of `map --exec`, beside a pipe to the same program. */
export async function exec(peers: BenchPeers): Promise<Row[]> {
  const peer = await peers.start('exec', 1);
  const questions = join(peers.folder, 'questions');
  writeFileSync(
    questions,
    lines((k) => ({ index: k, seed32: k, params: null, item: k })),
  );
  const ratios: number[] = [];
  const [own, pipe]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    const items = join(peers.folder, `items-${round}`);
    // Each round asks for items that are not known yet.
    writeFileSync(
      items,
      lines((k) => round * ITEMS + k),
    );
    const map = ['map', '--exec', WORKER.join(' '), '--items', items, '--home', peer.home];
    const ownRate = ITEMS / (await seconds([process.execPath, ENTRY, ...map]));
    const pipeRate = ITEMS / (await seconds(WORKER, questions));
    own.push(ownRate / 1000);
    pipe.push(pipeRate / 1000);
    ratios.push(ownRate / pipeRate);
  }
  await peers.stop();
  process.stderr.write(`exec: ${median(ratios).toFixed(2)} of the pipe\n`);
  return [
    {
      figure: 'lines through a worker of --exec, one slot',
      measured: `${spread(ratios, 2)} of a pipe`,
      target: '≥ 0.5',
      how:
        `${ITEMS} items, ${WORKER.join(' ')}: ${spread(own, 1)} thousand/s, start of the command ` +
        `included, against ${spread(pipe, 1)}; ${ROUNDS} interleaved rounds`,
    },
  ];
}

function lines(line: (k: number) => unknown): string {
  return Array.from({ length: ITEMS }, (_, k) => `${JSON.stringify(line(k))}\n`).join('');
}

/** Seconds that a command takes, its stdin from a file, its stdout read. @throws Error */
async function seconds([program, ...args]: readonly string[], stdin?: string): Promise<number> {
  const start = performance.now();
  const child: ChildProcess = spawn(program ?? '', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  (child.stdout as Readable).resume();
  const closed = once(child, 'close') as Promise<[number | null]>;
  const input = child.stdin as Writable;
  if (stdin === undefined) input.end();
  else await pipeline(createReadStream(stdin), input);
  const [code] = await closed;
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${code}`);
  return (performance.now() - start) / 1000;
}
