import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Row, spread } from './figures.ts';
import type { Plan } from './rounds.ts';
import type { Running, System } from './systems/system.ts';

/** The workloads W5 and W6 of 100 ms each. */
const UNITS = 200;
const SLOTS = 4;
/** Deaths come once so many have started: all are busy then. */
const STARTED = 40;
/** How long a hub is away. */
const AWAY_MS = 3000;
/** Without a death it takes UNITS × 100 ms / SLOTS = 5 s. What has not ended by then is lost. */
const LIMIT_MS = 70_000;
/** Where a system gave up, so long without an end of a unit is the end of all. */
const QUIET_MS = 3000;
const LOOK_MS = 5;

type Victim = 'worker' | 'hub';

/** What one death cost. */
interface Loss {
  /** Units that did not end. */
  readonly lost: number;
  /** Units that started more often than once. */
  readonly twice: number;
  /** Seconds until what the victim had in hand started again; null: never. */
  readonly takeover: number | null;
  /** Whether the system said that all is over, within the limit. */
  readonly ended: boolean;
}

/** W5: SIGKILL of a process that works; W6: of what the others need, back after 3 s. */
export async function deaths(plan: Plan, victim: Victim): Promise<Row[]> {
  const taking = plan.systems.filter(({ kinds }) => kinds.includes('traced'));
  const losses = new Map<System, Loss[]>(taking.map((system) => [system, []]));
  for (let round = 0; round < plan.repeats; round += 1) {
    for (const [system, all] of losses) {
      try {
        const loss = await die(plan, system, victim, round);
        if (loss !== null) all.push(loss);
      } catch (error) {
        process.stderr.write(`${system.name}: ${error instanceof Error ? error.message : error}\n`);
      }
    }
  }
  return [...losses]
    .filter(([, all]) => all.length > 0)
    .map(([system, all]) => row(system, victim, all));
}

async function die(
  plan: Plan,
  system: System,
  victim: Victim,
  round: number,
): Promise<Loss | null> {
  const folder = mkdtempSync(join(plan.bed.folder, 'deaths-'));
  const trace = new Trace(join(folder, 'trace'));
  const seed = 5_000_000 + round;
  const { bed, rounds } = plan;
  await using running = await system.start(bed, {
    ...{ kind: 'traced', slots: SLOTS, seed, rounds, folder },
  });
  if (victim === 'hub' && running.killHub === undefined) return null;
  let ended = false;
  let over = false;
  const run = running.run({ units: UNITS }).then(
    () => {
      ended = true;
      over = true;
    },
    () => {
      over = true;
    },
  );
  await until(() => over || trace.read().started.length >= STARTED, LIMIT_MS);
  const killed = trace.inHand();
  const wasStarted = trace.read().started.length;
  const start = performance.now();
  if (victim === 'worker') killWorker(running, trace);
  else await bounce(running);
  const inHand = victim === 'worker' ? killed.slice(-1) : killed;
  let takeover: number | null = null;
  let [best, quietFrom] = [0, start];
  await until(() => {
    const { started, ends } = trace.read();
    const again = started.slice(wasStarted).some((index) => inHand.includes(index));
    if (again && takeover === null) takeover = (performance.now() - start) / 1000;
    if (ends.size > best) [best, quietFrom] = [ends.size, performance.now()];
    const isQuiet = over && performance.now() > quietFrom + QUIET_MS;
    return ended || isQuiet || ends.size === UNITS;
  }, LIMIT_MS);
  // What has all done may have some more to say, and what gave up leaves some at work.
  await Promise.race([run, sleep(over ? 0 : 2000, undefined, { ref: false })]);
  await sleep(300);
  const { started, ends } = trace.read();
  const twice = started.length - new Set(started).size;
  return { lost: UNITS - ends.size, twice, takeover, ended };
}

/** The process that started last and has not ended. */
function killWorker(running: Running, trace: Trace): void {
  const pid = trace.workers().at(-1);
  if (pid === undefined) throw new Error('nobody works');
  process.kill(running.victim?.(pid) ?? pid, 'SIGKILL');
}

async function bounce(running: Running): Promise<void> {
  await running.killHub?.();
  await sleep(AWAY_MS);
  await running.restartHub?.();
}

async function until(condition: () => boolean, ms: number): Promise<void> {
  const late = performance.now() + ms;
  while (!condition() && performance.now() < late) await sleep(LOOK_MS);
}

/** What the units wrote down: a line `s INDEX PID` when one starts, `e INDEX PID` when it ends. */
class Trace {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  #lines(): string[][] {
    if (!existsSync(this.#path)) return [];
    const text = readFileSync(this.#path, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    return whole.split('\n').map((line) => line.split(' '));
  }

  read(): { started: number[]; ends: Set<number> } {
    const lines = this.#lines();
    const of = (mark: string): number[] =>
      lines.filter(([first]) => first === mark).map(([, index]) => Number(index));
    return { started: of('s'), ends: new Set(of('e')) };
  }

  #open(): string[][] {
    const lines = this.#lines();
    const ended = new Set(lines.filter(([mark]) => mark === 'e').map(([, index]) => index));
    return lines.filter(([mark, index]) => mark === 's' && !ended.has(index));
  }

  /** Units that started and have not ended, in the order of their starts. */
  inHand(): number[] {
    return this.#open().map(([, index]) => Number(index));
  }

  /** The processes that have them. */
  workers(): number[] {
    return this.#open().map(([, , pid]) => Number(pid));
  }
}

function row({ name }: System, victim: Victim, all: readonly Loss[]): Row {
  const of = (key: 'lost' | 'twice'): string =>
    spread(
      all.map((loss) => loss[key]),
      0,
    );
  const taken = all.flatMap(({ takeover }) => takeover ?? []);
  const ended = all.filter((loss) => loss.ended).length;
  const after = taken.length === 0 ? 'never taken over' : `taken over ${spread(taken, 1, 's')}`;
  return {
    figure: `${victim === 'worker' ? 'W5: SIGKILL of one of 4' : 'W6: hub away for 3 s'}, ${name}`,
    measured: `lost ${of('lost')}, twice ${of('twice')}, ${after}`,
    target: name.startsWith('meshd') ? 'lost 0, ≤ 2 s' : '',
    how: `${UNITS} of 100 ms; said to be over in ${ended} of ${all.length} rounds`,
    bar: { picture: victim === 'worker' ? 'W5' : 'W6', name, values: taken },
  };
}
