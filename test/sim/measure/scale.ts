import { parseArgs } from 'node:util';
import { Violation } from '../judge/violation.ts';
import type { Machine } from '../world/machine.ts';
import { runFlat, type Sample } from './flat.ts';
import { byField, countEntries } from './state-walk.ts';
import { markdown, median } from './table.ts';
import { type Measured, runTrial, type Trial } from './trial.ts';

/** Bytes that come in to each peer in design.md section 11 by peers, in kB/s. */
const DESIGN_IN: Readonly<Record<number, number>> = { 10: 12, 100: 120, 1000: 120 };

/** Fields of a peer's state that are told one by one; the others are summed. */
const FIELDS = ['roster', 'members', 'logs', 'computations', 'leases'] as const;

const TRAFFIC_HEAD = [
  ...['peers', 'blocks', 'again %', 'idle %', 'makespan', 'in, messages/s', 'in, kB/s'],
  ...['design kB/s', 'streams %', 'sent, kB/s', 'heartbeats/s', 'CPU ms/s', 'heap kB'],
] as const;

const TRAFFIC_LEGEND = `Everything is of one peer and one virtual second, but blocks, again, idle and
makespan, which are of the whole job (as in the economy). in: what arrives, gossip counted at each
receiver. streams: share of the bytes. sent: streams, and gossip once a message. CPU: of all peers'
steps with the simulator around them. heap: of the whole process for each peer, at the end.`;

const STATE_LEGEND = `Entries of all maps, sets and lists in the state of one peer (the median of
up to 9) at the end, by field; of typed arrays the bytes. Weak collections are not in it.`;

interface Scaled {
  readonly measured: Measured;
  readonly cpuMs: number;
  readonly heapBytes: number;
}

function trialOf(peers: number): Trial {
  const slotMs = peers > 100 ? 20_000 : 40_000;
  const delayMs = [50, 500] as const;
  return { seed: 1, peers, slotMs, delayMs, costMs: 14, every: 100, trouble: { kind: 'none' } };
}

function runScaled(peers: number): Scaled {
  const before = process.cpuUsage();
  const measured = runTrial(trialOf(peers));
  const { user, system } = process.cpuUsage(before);
  globalThis.gc?.();
  const { heapUsed } = process.memoryUsage();
  return { measured, cpuMs: (user + system) / 1000, heapBytes: heapUsed };
}

function trafficRow({ measured, cpuMs, heapBytes }: Scaled): (string | number)[] {
  const { meter, answer, trial, makespanMs, idealMs, world } = measured;
  const { peers } = trial;
  const { streams, heard, gossip, kinds, blocks } = meter;
  const seconds = (makespanMs / 1000) * peers;
  const bytesIn = streams.bytes + heard.bytes;
  return [
    ...[`${peers}`, blocks, (100 * meter.againMs) / (answer.end * trial.costMs)],
    ...[100 * (1 - meter.busyMs / meter.slotMs), makespanMs / idealMs],
    ...[(streams.count + heard.count) / seconds, bytesIn / 1000 / seconds],
    ...[`${DESIGN_IN[peers] ?? ''}`, (100 * streams.bytes) / bytesIn],
    ...[(streams.bytes + gossip.bytes) / 1000 / seconds],
    ...[(kinds.get('heartbeat')?.count ?? 0) / seconds],
    ...[cpuMs / ((world.now / 1000) * peers), heapBytes / 1000 / peers],
  ];
}

function stateRow({ measured: { world, trial } }: Scaled): (string | number)[] {
  const some: Machine[] = world.machines.slice(0, 9);
  const sums = some.flatMap(({ state }) => (state === null ? [] : [byField(countEntries(state))]));
  const of = (field: string): number => median(sums.map((sum) => sum.get(field) ?? 0));
  const all = median(sums.map((sum) => [...sum.values()].reduce((a, b) => a + b, 0)));
  const told = FIELDS.map(of);
  const others = all - told.reduce((a, b) => a + b, 0);
  return [`${trial.peers}`, ...told, others];
}

/** E4: what a job leaves on one disk, against 10 kB + 100 B a block + 40 B an accepted value. */
function diskRow(name: string, trial: Trial): (string | number)[] {
  const { world, meter, job, answer } = runTrial(trial);
  const sizes = world.machines.map(({ disk }) => {
    let records = 0;
    for (const { body } of disk.records.values()) records += body.length;
    let others = 0;
    for (const bytes of disk.blobs.values()) others += bytes.length;
    for (const bytes of disk.locals.values()) others += bytes.length;
    return { bytes: records + others, count: disk.records.size, written: disk.written };
  });
  const accepted = world.machines.map(({ state }) => {
    return state?.jobs.get(job.id)?.computation.answers.lines ?? answer.lines.length;
  });
  const bound = 10_000 + 100 * meter.blocks + 40 * median(accepted);
  const bytes = median(sizes.map((size) => size.bytes));
  const count = median(sizes.map((size) => size.count));
  const written = median(sizes.map((size) => size.written));
  return [name, meter.blocks, median(accepted), count, bytes, bound, bytes / bound, written];
}

function disks(): string {
  const calm = { seed: 1, slotMs: 60_000, delayMs: [2, 30], trouble: { kind: 'none' } } as const;
  const rows = [
    diskRow('3 peers, 1 in 100', { ...calm, peers: 3, costMs: 14, every: 100 }),
    diskRow('3 peers, 1 in 2', { ...calm, peers: 3, costMs: 14, every: 2 }),
    diskRow('3 peers, 1 in 2, 2 ms', { ...calm, peers: 3, costMs: 2, every: 2 }),
    diskRow('10 peers, 1 in 100', { ...calm, peers: 10, costMs: 14, every: 100 }),
  ];
  const head = ['job', 'blocks', 'accepted', 'records', 'bytes', 'bound', 'share', 'written'];
  return markdown(head, rows);
}

function flatTable(samples: readonly Sample[], peers: number): string {
  const paths = new Set(samples.flatMap(({ entries }) => [...entries.keys()]));
  const grown = [...paths].filter((path) => {
    const counts = samples.map(({ entries }) => entries.get(path) ?? 0);
    return (counts.at(-1) ?? 0) > 2 * Math.max(counts[0] ?? 0, 32);
  });
  const rows: (string | number)[][] = [
    ['heap, kB', ...samples.map(({ heapBytes }) => heapBytes / 1000)],
    ['CPU of a block, ms', ...samples.map(({ blockMs }) => blockMs)],
    [
      'entries in all',
      ...samples.map(({ entries }) => [...entries.values()].reduce((a, b) => a + b, 0)),
    ],
    ...grown.map((path) => [
      `\`${path}\``,
      ...samples.map(({ entries }) => entries.get(path) ?? 0),
    ]),
  ];
  const head = ['blocks', ...samples.map(({ blocks }) => `${blocks}`)];
  return `${peers === 1 ? 'One peer' : 'Two peers, the first'}:\n\n${markdown(head, rows)}`;
}

function numbers(list: string): number[] {
  const found = list.split(',').map(Number);
  if (found.every((number) => Number.isSafeInteger(number) && number > 0)) return found;
  throw new TypeError(`not a list of numbers from 1 on: ${list}`);
}

function growth(peers: readonly number[]): void {
  const traffic: (string | number)[][] = [];
  const state: (string | number)[][] = [];
  for (const count of peers) {
    process.stderr.write(`scale: ${count} peers\n`);
    const scaled = runScaled(count);
    traffic.push(trafficRow(scaled));
    state.push(stateRow(scaled));
  }
  console.log(`# Scale\n\n${TRAFFIC_LEGEND}\n\n${markdown(TRAFFIC_HEAD, traffic)}`);
  console.log(`\n${STATE_LEGEND}\n\n${markdown(['peers', ...FIELDS, 'others'], state)}`);
}

/**
 * Prints how state and traffic grow with peers and with blocks, as tables; result = exit code, 1
 * when an answer was not the oracle's. --peers 10,100: these meshes. --blocks 10000,100000: when to
 * look at a peer's state. --large: up to 1 000 peers and 10^6 blocks.
 */
export async function scale(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      large: { type: 'boolean', default: false },
      peers: { type: 'string' },
      blocks: { type: 'string' },
    },
  });
  const peers = numbers(values.peers ?? (values.large ? '10,100,300,1000' : '10,100'));
  const blocks = numbers(values.blocks ?? (values.large ? '10000,100000,1000000' : '10000,100000'));
  try {
    growth(peers);
    const legend = 'What a job leaves on one disk (records, blobs, local entries; without keys).';
    console.log(`\n## Disk\n\n${legend}\n\n${disks()}\n\n## Blocks\n`);
    for (const count of [1, 2] as const) {
      process.stderr.write(`scale: ${blocks.at(-1)} blocks, ${count} peers\n`);
      console.log(`${flatTable(runFlat(count, blocks), count)}\n`);
    }
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    console.error(`${error.invariant} at ${Math.round(error.at)} ms: ${error.message}`);
    return 1;
  }
  return 0;
}
