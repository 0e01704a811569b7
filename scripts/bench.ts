// Measures meshd on this machine, by itself and beside what people use instead, and prints Markdown
// tables: `npm run bench`. Needs a build and Linux.
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bias } from './bench/bias.ts';
import { commands } from './bench/commands.ts';
import { comparisonTable, type Standing, standings } from './bench/comparison.ts';
import { deaths } from './bench/deaths.ts';
import { exec } from './bench/exec.ts';
import { markdownTable, type Row } from './bench/figures.ts';
import { writeFunction } from './bench/functions.ts';
import { idle } from './bench/idle.ts';
import { install, PACKAGES } from './bench/install.ts';
import { latency } from './bench/latency.ts';
import { millions } from './bench/millions.ts';
import { BenchPeers, ENTRY } from './bench/peers.ts';
import { compare, type Measurement, type Plan } from './bench/rounds.ts';
import { scalingPeers, scalingSizes, scalingSlots } from './bench/scaling.ts';
import { SYSTEMS } from './bench/systems/all.ts';
import { pythonRounds } from './bench/systems/python.ts';
import type { System } from './bench/systems/system.ts';
import { takeover } from './bench/takeover.ts';
import { roundsOfOneMs, throughput } from './bench/throughput.ts';
import { WORKLOADS } from './bench/workloads.ts';

/** What is measured of meshd alone, or is no rate. */
const PARTS: Record<string, (plan: Plan) => Promise<Row[]>> = {
  trivial: ({ bed }) => throughput(bed.peers, 'trivial'),
  oneMs: ({ bed }) => throughput(bed.peers, 'oneMs'),
  latency: ({ bed }) => latency(bed.peers),
  takeover: ({ bed }) => takeover(bed.peers),
  idle: ({ bed }) => idle(bed.peers),
  commands: ({ bed }) => commands(bed.peers),
  exec: ({ bed }) => exec(bed.peers),
  bias,
  W5: (plan) => deaths(plan, 'worker'),
  W6: (plan) => deaths(plan, 'hub'),
  W8: millions,
  peers: scalingPeers,
  slots: scalingSlots,
  sizes: scalingSizes,
};

const USAGE = `npm run bench -- [--only NAME,…] [--systems NAME,…] [--rounds N] [--size SHARE]
                 [--json FILE] [--install]
  --only     of ${[...Object.keys(PARTS), ...WORKLOADS.map(({ id }) => id)].join(', ')}
  --systems  words of the names of ${SYSTEMS.map(({ name }) => name).join('; ')}
  --rounds   of the workloads W…; 3 if it is left out
  --size     1, or less for a quick look
  --json     the figures as JSON too
  --install  install what is missing of other systems, with apt-get and npm
`;

interface Options {
  readonly only: readonly string[];
  readonly systems: readonly System[];
  readonly repeats: number;
  readonly size: number;
  readonly json: string | undefined;
  readonly isInstalling: boolean;
}

/** @throws Error for a wrong argument, in one line */
function options(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      systems: { type: 'string', multiple: true },
      rounds: { type: 'string', default: '3' },
      size: { type: 'string', default: '1' },
      json: { type: 'string' },
      install: { type: 'boolean', default: false },
    },
  });
  const names = [...Object.keys(PARTS), ...WORKLOADS.map(({ id }) => id)];
  const only = (values.only ?? names).flatMap((text) => text.split(','));
  const wrong = only.find((name) => !names.includes(name));
  if (wrong !== undefined) {
    throw new Error(`--only takes ${names.join(', ')}; not ${JSON.stringify(wrong)}`);
  }
  const words = (values.systems ?? ['']).flatMap((text) => text.toLowerCase().split(','));
  const systems = SYSTEMS.filter(({ name }) =>
    words.some((word) => name.toLowerCase().includes(word)),
  );
  if (systems.length === 0) throw new Error(`--systems: none is called ${words.join(' or ')}`);
  const repeats = Number(values.rounds);
  if (!(Number.isInteger(repeats) && repeats >= 1 && repeats <= 100)) {
    throw new Error(`--rounds takes 1 to 100, not ${values.rounds}`);
  }
  const size = Number(values.size);
  if (!(size > 0 && size <= 1)) throw new Error(`--size takes up to 1, not ${values.size}`);
  const { json, install: isInstalling } = values;
  if (json !== undefined) checkWritable(json);
  return { only, systems, repeats, size, json, isInstalling };
}

/** What takes an hour is not to end without a place for it. @throws Error, in one line */
function checkWritable(path: string): void {
  try {
    appendFileSync(path, '');
  } catch (error) {
    throw new Error(`--json takes a file that can be written: ${(error as Error).message}`);
  }
}

function machine(): string {
  const [cpu] = cpus();
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const cores = `${cpus().length} cores (${cpu?.model.trim()})`;
  return `${cores}, ${memory}, Node ${process.versions.node}`;
}

/** Those that are there; of each other one a line says what is missing. */
function present(systems: readonly System[], plan: Pick<Plan, 'bed'>): System[] {
  return systems.filter((system) => {
    const lost = system.missing(plan.bed);
    if (lost !== null) process.stderr.write(`${system.name}: no ${lost}, left out\n`);
    return lost === null;
  });
}

async function main({ only, systems, repeats, size, json, isInstalling }: Options): Promise<void> {
  if (!existsSync(ENTRY)) throw new Error(`no ${ENTRY}: run \`npm run build\` first`);
  // What else runs takes its share of the cores, not always the same one: best on an idle machine.
  const load = (loadavg()[0] ?? 0).toFixed(1);
  await using peers = new BenchPeers();
  // The exit takes the peers and their folder along.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  const folder = join(peers.folder, 'systems');
  mkdirSync(folder);
  const bed = { folder, packages: PACKAGES, peers };
  if (isInstalling) install(systems.filter((system) => system.missing(bed) !== null));
  const rounds = {
    node: await roundsOfOneMs(writeFunction(folder, 'oneMs')),
    python: pythonRounds(),
  };
  const plan: Plan = { bed, repeats, size, rounds, systems: present(systems, { bed }) };
  const rows: Row[] = [];
  const measurements: Measurement[] = [];
  const where = `${machine()}; load average before: ${load}`;
  for (const name of only) {
    process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${name}\n`);
    try {
      rows.push(...((await PARTS[name]?.(plan)) ?? []));
      const workload = WORKLOADS.find(({ id }) => id === name);
      if (workload !== undefined) measurements.push(...(await compare(plan, workload)));
    } catch (error) {
      // The other figures are worth having all the same.
      process.exitCode = 1;
      process.stderr.write(`${name}: ${error instanceof Error ? error.stack : String(error)}\n`);
      await peers.stop();
    }
    // All that is measured is kept, also where the rest is interrupted.
    if (json !== undefined) save(json, where, rows, standings(measurements));
  }
  tell(where, rows, standings(measurements));
}

function save(
  file: string,
  machine: string,
  rows: readonly Row[],
  compared: readonly Standing[],
): void {
  writeFileSync(file, `${JSON.stringify({ machine, rows, compared }, null, 1)}\n`);
}

function tell(where: string, rows: readonly Row[], compared: readonly Standing[]): void {
  const tables = [
    ...(rows.length === 0 ? [] : [markdownTable(rows)]),
    ...(compared.length === 0 ? [] : [comparisonTable(compared)]),
  ];
  process.stdout.write(`${[where, ...tables].join('\n\n')}\n`);
}

try {
  await main(options());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exitCode = 2;
}
