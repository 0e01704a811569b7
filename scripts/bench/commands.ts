import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Row, spread } from './figures.ts';
import { type BenchPeers, ENTRY } from './peers.ts';

const ROUNDS = 3;

/** The classic test: each command makes a file. Those that are slow are given fewer. */
const FILES = 9999;
const FILES_OF_PARALLEL = 2000;

/** What runs one command for each line of stdin in a folder, two at once. */
interface Runner {
  readonly name: string;
  readonly files: number;
  readonly argv: (home: string) => readonly [string, ...string[]];
}

const COMMAND = 'cat {} > {}.out';
const RUNNERS: readonly Runner[] = [
  {
    ...{ name: 'meshd run', files: FILES },
    argv: (home) => [process.execPath, ENTRY, 'run', '--home', home, '-j', '2', COMMAND],
  },
  {
    ...{ name: 'xargs -P 2', files: FILES },
    argv: () => ['xargs', '-P', '2', '-I', '{}', 'sh', '-c', COMMAND],
  },
  {
    ...{ name: 'GNU parallel', files: FILES_OF_PARALLEL },
    argv: () => ['parallel', '-j', '2', COMMAND],
  },
];

/** Commands a second of `run`, beside what people use instead, in the same rounds. */
export async function commands(peers: BenchPeers): Promise<Row[]> {
  const runners = RUNNERS.filter(({ name, argv }) => {
    const [program] = argv('');
    const isThere = spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
    if (!isThere) process.stderr.write(`${name}: not installed, left out\n`);
    return isThere;
  });
  const rates = new Map(runners.map(({ name }) => [name, [] as number[]]));
  const again: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const runner of runners) {
      // It stays until the end, as in rounds.ts.
      const name = `commands-${round}-${runner.name.replaceAll(' ', '-')}`;
      const folder = filesIn(join(peers.folder, name), runner.files);
      const home = join(peers.folder, `commands-home-${round}`);
      const seconds = await time(runner, folder, home);
      rates.get(runner.name)?.push(runner.files / seconds);
      if (runner.name === 'meshd run') again.push(await time(runner, folder, home));
    }
  }
  const own = rates.get('meshd run') ?? [];
  const rows = [...rates].map(([name, all]) => ({
    figure: `commands that make a file each, ${name}`,
    measured: `${spread(all, 0)} a second`,
    target: '',
    how: `${COMMAND}; ${ROUNDS} interleaved rounds, 2 at once`,
  }));
  const ratios = [...rates]
    .filter(([name]) => name !== 'meshd run')
    .map(([name, all]) => ({
      figure: `time of meshd run against ${name}`,
      measured: spread(
        all.map((rate, k) => rate / (own[k] ?? Number.NaN)),
        2,
      ),
      target: name === 'GNU parallel' ? '≤ 0.4' : '≤ 1.3',
      how: 'time for one command, in the same round; the start of meshd included',
    }));
  const repeat = {
    figure: `the same ${FILES} commands again`,
    measured: spread(again, 1, 's'),
    target: '',
    how: 'none runs',
  };
  return [...rows, ...ratios, repeat];
}

function filesIn(folder: string, count: number): string {
  mkdirSync(folder);
  for (let k = 0; k < count; k += 1) writeFileSync(join(folder, `f${k}`), `${k}\n`);
  return folder;
}

/** Seconds for all files of a folder. @throws Error when one of the outputs is missing */
async function time({ name, files, argv }: Runner, cwd: string, home: string): Promise<number> {
  const [program, ...args] = argv(home);
  const start = performance.now();
  const child = spawn(program, args, { cwd, stdio: ['pipe', 'ignore', 'ignore'] });
  child.stdin.end(Array.from({ length: files }, (_, k) => `f${k}\n`).join(''));
  const [code] = (await once(child, 'close')) as [number | null];
  const seconds = (performance.now() - start) / 1000;
  const made = readdirSync(cwd).filter((file) => file.endsWith('.out')).length;
  if (code !== 0 || made !== files) throw new Error(`${name}: exit ${code}, ${made} of ${files}`);
  return seconds;
}
