// Measures the figures of the README on this machine and prints them as a markdown table:
// `npm run bench`, or `npm run bench -- --only trivial,idle`. Needs a build and Linux.
import { existsSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { commands } from './bench/commands.ts';
import { exec } from './bench/exec.ts';
import { markdownTable, type Row } from './bench/figures.ts';
import { idle } from './bench/idle.ts';
import { latency } from './bench/latency.ts';
import { BenchPeers, ENTRY } from './bench/peers.ts';
import { takeover } from './bench/takeover.ts';
import { throughput } from './bench/throughput.ts';

const PARTS: Record<string, (peers: BenchPeers) => Promise<Row[]>> = {
  trivial: (peers) => throughput(peers, 'trivial'),
  oneMs: (peers) => throughput(peers, 'oneMs'),
  latency,
  takeover,
  idle,
  commands,
  exec,
};

function machine(): string {
  const [cpu] = cpus();
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const cores = `${cpus().length} cores (${cpu?.model.trim()})`;
  return `${cores}, ${memory}, Node ${process.versions.node}`;
}

function chosen(): string[] {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true } } });
  const names = (values.only ?? Object.keys(PARTS)).flatMap((text) => text.split(','));
  for (const name of names) {
    if (Object.hasOwn(PARTS, name)) continue;
    throw new Error(`--only takes ${Object.keys(PARTS).join(', ')}; not ${JSON.stringify(name)}`);
  }
  return names;
}

async function main(): Promise<void> {
  const names = chosen();
  if (!existsSync(ENTRY)) throw new Error(`no ${ENTRY}: run \`npm run build\` first`);
  // What else runs takes its share of the cores, not always the same one: best on an idle machine.
  const load = (loadavg()[0] ?? 0).toFixed(1);
  const rows: Row[] = [];
  await using peers = new BenchPeers();
  // The exit takes the peers and their folder along.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  for (const name of names) {
    process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${name}\n`);
    try {
      rows.push(...((await PARTS[name]?.(peers)) ?? []));
    } catch (error) {
      // The other figures are worth having all the same.
      process.exitCode = 1;
      process.stderr.write(`${name}: ${error instanceof Error ? error.stack : String(error)}\n`);
      await peers.stop();
    }
  }
  process.stdout.write(`${machine()}; load average before: ${load}\n\n${markdownTable(rows)}\n`);
}

await main();
