import { parseArgs } from 'node:util';
import { Violation } from '../judge/violation.ts';
import { markdown, median } from './table.ts';
import { type Measured, runTrial, type Trial, type Trouble } from './trial.ts';

/** How long gossip takes in the network of design.md section 4, and in a fast one, in ms. */
const NETWORKS = {
  'gossip of 50–500 ms': [50, 500],
  'gossip of 2–30 ms': [2, 30],
} as const;

/** Each machine is killed about once a minute and away for five seconds. */
const CHURN: Trouble = { kind: 'churn', everyMs: 60_000, backMs: 5000 };

const STABLE: Trouble = { kind: 'none' };

/** Duplicate work in design.md section 4 by peers, stable and under churn, in %. */
const DESIGN: Readonly<Record<string, string>> = {
  ...{ '2 none': '0.2', '10 none': '0.4', '50 none': '0.7', '200 none': '1.0' },
  ...{ '50 churn': '2.7', '200 churn': '4.4' },
};

/** One row of the table: a mesh, and what befalls it. */
interface Row {
  readonly peers: number;
  /** Work of the answer for each slot. */
  readonly slotMs: number;
  readonly trouble: Trouble;
}

function partition(seconds: number): Trouble {
  return { kind: 'partition', afterMs: 10_000, forMs: seconds * 1000 };
}

/** What is measured without being asked for more: some minutes. */
function rows(large: boolean): Row[] {
  const small = [2, 10].flatMap((peers): Row[] => [
    { peers, slotMs: 40_000, trouble: STABLE },
    { peers, slotMs: 240_000, trouble: STABLE },
    { peers, slotMs: 60_000, trouble: CHURN },
    ...[5, 15, 30, 60].map((s) => ({ peers, slotMs: 90_000, trouble: partition(s) })),
  ]);
  const fifty: Row[] = [
    { peers: 50, slotMs: 30_000, trouble: STABLE },
    { peers: 50, slotMs: 30_000, trouble: CHURN },
  ];
  if (!large) return [...small, ...fifty];
  return [
    { peers: 50, slotMs: 120_000, trouble: STABLE },
    ...[5, 15, 30, 60].map((s) => ({ peers: 50, slotMs: 90_000, trouble: partition(s) })),
    { peers: 200, slotMs: 30_000, trouble: STABLE },
    { peers: 200, slotMs: 30_000, trouble: CHURN },
  ];
}

const HEAD = [
  ...['peers', 'trouble', 's/slot', 'again %', 'design %', 'again s/slot', 'beyond %', 'idle %'],
  ...['makespan', 'blocks', 'streamed', 'gossiped', 'heard', 'B streamed', 'B gossiped', 'B heard'],
] as const;

const LEGEND = `s/slot: work of the answer for each slot. again: candidates evaluated more than once,
against the answer's; beyond: those at or above the answer's end. idle: slots of live processes
without an execution, from publication to the first certificate. makespan: that time over (the
answer's work over the speed of all slots + the longest candidate). For each block: messages on
streams, gossip once a message, gossip once a delivery, and their bytes. Medians.`;

function nameOf(trouble: Trouble): string {
  if (trouble.kind === 'partition') return `halves, ${trouble.forMs / 1000} s`;
  return trouble.kind === 'none' ? 'stable' : 'churn';
}

/** The numbers of one world, in the order of the columns from `again %` on. */
function figures({ meter, answer, trial, makespanMs, idealMs }: Measured): number[] {
  const { blocks, streams, gossip, heard, covered } = meter;
  const workMs = answer.end * trial.costMs;
  const beyond = covered.count() - covered.count(0, answer.end);
  return [
    ...[(100 * meter.againMs) / workMs, meter.againMs / 1000 / trial.peers],
    ...[(100 * beyond) / answer.end, 100 * (1 - meter.busyMs / meter.slotMs)],
    ...[makespanMs / idealMs, blocks],
    ...[streams.count / blocks, gossip.count / blocks, heard.count / blocks],
    ...[streams.bytes / blocks, gossip.bytes / blocks, heard.bytes / blocks],
  ];
}

function measure(row: Row, delayMs: Trial['delayMs'], seeds: number): (string | number)[] {
  const { peers, slotMs, trouble } = row;
  const all: number[][] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const trial = { ...row, seed, delayMs, costMs: 14, every: 100 };
    all.push(figures(runTrial(trial)));
  }
  const [again = 0, ...others] = (all[0] ?? []).map((_, k) =>
    median(all.map((one) => one[k] ?? 0)),
  );
  const design = DESIGN[`${peers} ${trouble.kind}`] ?? '';
  return [`${peers}`, nameOf(trouble), slotMs / 1000, again, design, ...others];
}

/**
 * Prints the economy of the protocol as tables; result = exit code, 1 when an answer was not the
 * oracle's. --seeds N: worlds for each row, 3 unless told. --large: 50 peers in partitions, and 200.
 * --peers N: the rows of so many peers alone. --trouble stable, churn or halves: of that alone. A
 * row is told on stderr when it is there.
 */
export async function economy(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seeds: { type: 'string', default: '3' },
      large: { type: 'boolean', default: false },
      peers: { type: 'string' },
      trouble: { type: 'string', default: '' },
    },
  });
  const seeds = Math.max(1, Math.floor(Number(values.seeds)) || 1);
  console.log(`# Economy\n\n${LEGEND} ${seeds} worlds a row.`);
  try {
    for (const [name, delayMs] of Object.entries(NETWORKS)) {
      const chosen = rows(values.large).filter(({ peers, trouble }) => {
        const isMeant = values.peers === undefined || peers === Number(values.peers);
        return isMeant && nameOf(trouble).startsWith(values.trouble);
      });
      const cells = chosen.map((row) => {
        process.stderr.write(`economy: ${name}, ${row.peers} peers, ${nameOf(row.trouble)}: `);
        const cell = measure(row, delayMs, seeds);
        const figure = (value: string | number): string => Number(value).toPrecision(3);
        const [again, , , , idle, makespan] = cell.slice(3).map(figure);
        process.stderr.write(`${again} % again, ${idle} % idle, makespan ${makespan}\n`);
        return cell;
      });
      console.log(`\n## ${name}\n\n${markdown(HEAD, cells)}`);
    }
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    console.error(`${error.invariant} at ${Math.round(error.at)} ms: ${error.message}`);
    return 1;
  }
  return 0;
}
