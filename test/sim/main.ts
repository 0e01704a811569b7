import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { BUGS } from './bugs/bugs.ts';
import { type Bug, plant, unfit } from './bugs/plant.ts';
import { commit, seedOfCommit } from './commit.ts';
import { markdown } from './measure/table.ts';
import { type Order, type PoolOptions, runOrders } from './pool.ts';
import { endProgress, progress, Summary, violationLine } from './report.ts';
import type { Verdict } from './run.ts';
import { explain, lastLines } from './shrink/failures.ts';
import type { Scenario } from './world/scenario.ts';

/** `npm run sim`: runs seeded worlds of the core and tells which break an invariant. */

/** Seeds that a thread takes at a time. */
const LOT = 4;

/** Worlds that every run of the tests adds. */
const PART = 500;

/** Failures of a run that are shrunk and told at length. */
const EXPLAINED = 3;

/** Longest time of one world in ms on the wall: without and with a planted bug. */
const LIMIT_MS = 120_000;
const BUG_LIMIT_MS = 30_000;

/** Seeds after which a planted bug counts as not caught, unless said otherwise. */
const BUG_SEEDS = 400;

const POOL = { workers: availableParallelism(), memoryMb: 1024 };

interface Options {
  readonly seeds?: number;
  readonly from?: number;
  readonly seed?: number;
  readonly trace?: true;
  readonly scenario?: string;
  readonly bugs?: true | string;
  readonly part?: true;
}

/** A wrong argument, in one line. */
class UsageError extends Error {}

function whole(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('A whole number is expected.');
}

function parse(argv: readonly string[]): Options {
  const command = new Command('sim')
    .showSuggestionAfterError(false)
    .description('Runs seeded worlds of the core, and tells which break an invariant.')
    .option('--seeds <n>', 'run so many worlds (default: 100)', whole)
    .option('--from <seed>', 'the first of them (default: 1)', whole)
    .option('--part', `run the ${PART} worlds of this commit: each commit has its own`)
    .option('--seed <s>', 'run the world of one seed', whole)
    .option('--scenario <file>', 'run the world that a file describes, as JSON')
    .option('--trace', 'with --seed or --scenario: the whole transcript on stdout')
    .option('--bugs [name]', 'plant bugs, one after the other: each must be caught')
    .option('--economy', 'measure what is done in vain; all after it is for that')
    .option('--scale', 'measure big meshes; all after it is for that')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  const options = command.parse(argv, { from: 'user' }).opts<Options>();
  const { seed, scenario, seeds, from, trace, bugs, part } = options;
  if (seeds === 0) throw new UsageError('--seeds: at least 1');
  const isOne = seed !== undefined || scenario !== undefined;
  if (seed !== undefined && scenario !== undefined) {
    throw new UsageError('--seed and --scenario exclude each other');
  }
  if (part === true) {
    if (Object.keys(options).length > 1) throw new UsageError('--part goes alone');
    return { seeds: PART, from: seedOfCommit() };
  }
  if (isOne && (seeds !== undefined || from !== undefined)) {
    throw new UsageError('--seeds and --from do not go with --seed or --scenario');
  }
  if (trace === true && !isOne) throw new UsageError('--trace needs --seed or --scenario');
  if (isOne && bugs === true) throw new UsageError('--bugs needs a name with --seed or --scenario');
  return options;
}

function readScenario(file: string): Scenario {
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as Scenario | { scenario: Scenario };
    return 'scenario' in found ? found.scenario : found;
  } catch (error) {
    throw new UsageError(`--scenario: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function chosenBugs(name: true | string): readonly Bug[] {
  const chosen = name === true ? BUGS : BUGS.filter((bug) => bug.name === name);
  if (chosen.length === 0) {
    const names = BUGS.map((bug) => JSON.stringify(bug.name)).join(', ');
    throw new UsageError(`--bugs: no bug ${JSON.stringify(name)}; there are ${names}`);
  }
  return chosen;
}

/** Runs one world; its transcript alone goes to stdout. */
async function runOne({ seed, scenario, trace, bugs }: Options): Promise<number> {
  const kept = scenario === undefined ? null : readScenario(scenario);
  const check = typeof bugs === 'string' ? plant(chosenBugs(bugs)[0] ?? never()) : null;
  const { generate } = await import('./world/generate.ts');
  const { run } = await import('./run.ts');
  check?.();
  const world = kept ?? generate(seed ?? 1);
  const verdict = run(world, { transcript: true });
  const { violation } = verdict;
  console.error(commit());
  if (trace === true) process.stdout.write(verdict.transcript.map((line) => `${line}\n`).join(''));
  else if (violation !== null) console.log(lastLines(verdict));
  console.error(`${violationLine(verdict)} (${verdict.events} events)`);
  return violation === null ? 0 : 1;
}

function never(): never {
  throw new Error('unreachable');
}

function* lots(from: number, count: number): Generator<Order> {
  for (let done = 0; done < count; done += LOT) {
    const size = Math.min(LOT, count - done);
    yield { bug: null, from: from + done, count: size, untilBroken: false };
  }
}

/** Runs many worlds. */
async function runMany({ seeds = 100, from = 1 }: Options): Promise<number> {
  const verdicts = new Map<number, Verdict>();
  const startedAt = performance.now();
  let broken = 0;
  await runOrders(lots(from, seeds), { ...POOL, limitMs: LIMIT_MS }, (_, verdict) => {
    verdicts.set(verdict.seed, verdict);
    if (verdict.violation !== null) broken++;
    const rate = ((verdicts.size * 1000) / (performance.now() - startedAt)).toFixed(1);
    progress(`${verdicts.size} of ${seeds} worlds, ${broken} violations, ${rate} worlds/s`);
  });
  endProgress();
  const seconds = (performance.now() - startedAt) / 1000;
  const summary = new Summary();
  for (const seed of [...verdicts.keys()].sort((a, b) => a - b)) {
    const verdict = verdicts.get(seed);
    if (verdict !== undefined) summary.add(verdict);
  }
  console.log(`${[`seeds ${from} to ${from + seeds - 1}`, commit()].join(', ')}\n`);
  console.log(summary.text(seconds));
  for (const failure of summary.failures) {
    console.log(`${violationLine(failure)}\n  npm run sim -- --seed ${failure.seed} --trace`);
  }
  await explainSome(summary.failures.slice(0, EXPLAINED));
  return summary.failures.length > 0 || summary.idle.length > 0 ? 1 : 0;
}

async function explainSome(failures: readonly Verdict[]): Promise<void> {
  if (failures.length === 0) return;
  const { generate } = await import('./world/generate.ts');
  const { run } = await import('./run.ts');
  for (const { seed, violation } of failures) {
    // A world that hangs, or eats the memory, would do so here as well.
    if (violation === null || violation.at === 0) continue;
    progress(`shrinking seed ${seed}`);
    const text = explain(generate(seed), violation.invariant, run);
    endProgress();
    console.log(`\nseed ${seed}, ${violation.invariant}\n${text}`);
  }
}

/** Plants bugs and runs worlds until one breaks, for each; the table of what caught them. */
async function runBugs({ bugs = true, seeds = BUG_SEEDS, from = 1 }: Options): Promise<number> {
  const chosen = chosenBugs(bugs);
  for (const bug of chosen) {
    const fault = unfit(bug);
    if (fault !== null) throw new UsageError(`the bug ${bug.name} does not fit: ${fault}`);
  }
  const caught = new Map<string, Verdict>();
  const worlds = new Map<string, number>();
  const startedAt = performance.now();
  const options: PoolOptions = { ...POOL, limitMs: BUG_LIMIT_MS };
  let open = chosen.map(({ name }): Order => {
    return { bug: name, from, count: seeds, untilBroken: true };
  });
  while (open.length > 0) {
    const broken: [Order, Verdict][] = [];
    await runOrders(open.values(), options, (order, verdict) => {
      const name = order.bug ?? '';
      worlds.set(name, (worlds.get(name) ?? 0) + 1);
      if (verdict.violation !== null) broken.push([order, verdict]);
      progress(`${caught.size + broken.length} of ${chosen.length} bugs caught; at ${name}`);
    });
    const blameless = await passing(broken, options);
    for (const [{ bug }, verdict] of broken) {
      if (blameless.has(verdict.seed)) caught.set(bug ?? '', verdict);
    }
    open = broken
      .filter(([, { seed }]) => !blameless.has(seed))
      .map(([order, { seed }]) => ({ ...order, from: seed + 1 }))
      .map((order) => ({ ...order, count: seeds - (worlds.get(order.bug ?? '') ?? 0) }))
      .filter(({ count }) => count > 0);
  }
  endProgress();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  const rows = chosen.map(({ name, claim }) => {
    const violation = caught.get(name)?.violation;
    const seed = caught.get(name)?.seed ?? '-';
    const by = violation?.invariant ?? 'NOT CAUGHT';
    return [name, claim, by, `${worlds.get(name) ?? 0}`, `${seed}`];
  });
  console.log([`bugs, seeds from ${from}`, commit()].join(', '));
  console.log(`\n${markdown(['bug', 'what is wrong', 'caught by', 'worlds', 'seed'], rows)}\n`);
  console.log(`${caught.size} of ${chosen.length} caught, ${seconds} s`);
  return caught.size === chosen.length ? 0 : 1;
}

/** Of the seeds that broke those whose worlds pass without a bug: only there it was the bug. */
async function passing(
  broken: readonly [Order, Verdict][],
  options: PoolOptions,
): Promise<ReadonlySet<number>> {
  const seeds = [...new Set(broken.map(([, { seed }]) => seed))].sort((a, b) => a - b);
  const orders = seeds.map((from): Order => ({ bug: null, from, count: 1, untilBroken: false }));
  const passed = new Set<number>();
  await runOrders(orders.values(), options, (_, { seed, violation }) => {
    if (violation === null) passed.add(seed);
  });
  return passed;
}

async function main(argv: readonly string[]): Promise<number> {
  const [first, ...rest] = argv;
  if (first === '--economy' || first === '--scale') console.log(commit());
  if (first === '--economy') return (await import('./measure/economy.ts')).economy(rest);
  if (first === '--scale') return (await import('./measure/scale.ts')).scale(rest);
  const options = parse(argv);
  if (options.seed !== undefined || options.scenario !== undefined) return runOne(options);
  return options.bugs === undefined ? runMany(options) : runBugs(options);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof CommanderError && error.exitCode === 0) process.exitCode = 0;
  else {
    const isUsage = error instanceof UsageError || error instanceof CommanderError;
    console.error(isUsage ? error.message : error);
    process.exitCode = 2;
  }
}
