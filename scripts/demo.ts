// The demonstration: a mesh of three peers on this machine infers the influenza outbreak of 1978,
// the peer that started the mesh is killed on the way, and a single peer repeats the job.
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Mesh, Summary } from '../src/node/mesh.ts';
import { DemoPeers, type DemoRun } from './demo-peers.ts';
import { count, settled, watch } from './demo-watch.ts';
import { histogram, quantile } from './histogram.ts';

const PARAMS = 'examples/boarding-school.json';
const COMMAND = `examples/sir.js --accept 600 --seed 1978 --params @${PARAMS}`;
const LIBRARY = 'dist/index.js';

/** The parameters, each with the range of the published fits (sources in examples/sir.js). */
const RATES = [
  { key: 'beta', title: 'β, infections per infected boy and day', from: 1.66, to: 1.9 },
  { key: 'gamma', title: 'γ, recoveries per infected boy and day', from: 0.44, to: 0.54 },
] as const;

function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Prints a line with the seconds since the start. */
function say(line: string): void {
  print(`${(performance.now() / 1_000).toFixed(1).padStart(6)} s  ${line}`);
}

async function main(): Promise<boolean> {
  if (!existsSync(LIBRARY)) throw new Error(`no ${LIBRARY}: run \`npm run build\` first`);
  const peers = new DemoPeers();
  try {
    print('Influenza in an English boarding school, 1978: a mesh of three peers on this machine\n');
    const trio = await runOnMesh(peers);
    tell(trio.summary);
    const overlap = posterior(trio);
    say('The same job on one peer alone, in a fresh home');
    const solo = await peers.publish(`${peers.root}/solo`, COMMAND.split(' '));
    tell(solo.summary);
    return compare(trio, solo) && overlap;
  } finally {
    await peers.close();
  }
}

async function runOnMesh(peers: DemoPeers): Promise<DemoRun> {
  const alpha = await peers.start('alpha');
  say('alpha started the mesh');
  const beta = await peers.start('beta', alpha.invite);
  say('beta joined');
  const gamma = await peers.start('gamma', alpha.invite);
  say('gamma joined');

  await using mesh = await openOn(beta.home);
  await settled(mesh, 3);
  say('All three see one another; beta publishes');
  say(`  meshd publish ${COMMAND}`);
  const ended = new AbortController();
  const [run] = await Promise.all([
    peers.publish(beta.home, COMMAND.split(' ')).finally(() => ended.abort()),
    watch({ mesh, peers: [alpha, beta, gamma], victim: alpha, say, signal: ended.signal }),
  ]);
  return run;
}

/** The library as its users get it, on the running peer of a home. */
async function openOn(home: string): Promise<Mesh> {
  const library: unknown = await import(pathToFileURL(LIBRARY).href);
  const { open } = library as { open(options: { home: string }): Promise<Mesh> };
  return open({ home });
}

function tell(summary: Summary): void {
  const { accepted, evaluated, ran, peers, seconds } = summary;
  say(`Done: ${accepted} accepted of ${count(evaluated)}, in ${seconds.toFixed(1)} s`);
  say(`  evaluations made: ${count(ran)}, by ${peers} ${peers === 1 ? 'peer' : 'peers'}`);
}

/** Draws both rates. Says whether their central 95 % intervals overlap the published ranges. */
function posterior({ stdout }: DemoRun): boolean {
  const lines = stdout.toString('utf8').trimEnd().split('\n');
  const values = lines.map((line) => (JSON.parse(line) as { value: Record<string, number> }).value);
  let overlap = true;
  for (const { key, title, from, to } of RATES) {
    const sample = values.map((value) => value[key] ?? Number.NaN);
    print();
    for (const line of histogram(sample, { title, compare: { name: 'published', from, to } })) {
      print(`  ${line}`);
    }
    overlap &&= quantile(sample, 0.025) <= to && from <= quantile(sample, 0.975);
  }
  print();
  return overlap;
}

/** Prints both answers' hashes. Says whether certificates and bytes are equal. */
function compare(trio: DemoRun, solo: DemoRun): boolean {
  const rows = [
    ['certificate', trio.summary.certificate, solo.summary.certificate],
    [`SHA-256 of stdout (${count(trio.stdout.length)} bytes)`, trio.digest, solo.digest],
  ] as const;
  let equal = trio.stdout.equals(solo.stdout);
  for (const [what, three, one] of rows) {
    const same = three !== null && three === one;
    equal &&= same;
    print(`\n${what}: ${same ? 'equal' : 'DIFFERENT'}`);
    print(`  three peers, one killed  ${three}`);
    print(`  one peer                 ${one}`);
  }
  print();
  return equal;
}

for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  // The peers' exit handler ends them and removes their homes.
  process.once(name, () => process.exit(code));
}
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
