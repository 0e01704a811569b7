import { markdown } from './measure/table.ts';
import type { Verdict } from './run.ts';
import { FAULT_KINDS } from './world/scenario.ts';

/** Worlds from which on a run must have met everything. */
const ENOUGH = 300;

/** What must have happened in so many worlds, for those that pass to prove something. */
const MUST_HAPPEN = [
  ...['crashed at work', 'crashed with unsynced writes', 'partition cut a running job'],
  ...['receipts', 'acknowledged', 'recoveries audited', 'deaths told', 'taken over'],
];

/** What a run of many worlds came to. */
export class Summary {
  worlds = 0;
  ms = 0;
  events = 0;
  readonly failures: Verdict[] = [];
  readonly #fired = new Map<string, { times: number; worlds: number }>();
  readonly #counts = new Map<string, { times: number; worlds: number }>();

  add(verdict: Verdict): void {
    this.worlds++;
    this.ms += verdict.ms;
    this.events += verdict.events;
    if (verdict.violation !== null) this.failures.push(verdict);
    note(this.#fired, verdict.fired);
    note(this.#counts, verdict.counts);
  }

  /** What never happened in worlds enough, although it must. */
  get idle(): string[] {
    if (this.worlds < ENOUGH) return [];
    const faults = FAULT_KINDS.filter((kind) => !this.#fired.has(kind));
    return [...faults, ...MUST_HAPPEN.filter((what) => !this.#counts.has(what))];
  }

  /** All of it as text; seconds: on the wall. */
  text(seconds: number): string {
    const faults = FAULT_KINDS.map((kind) => row(kind, this.#fired.get(kind)));
    const counts = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
    const rate = (this.worlds / seconds).toFixed(1);
    const hours = (this.ms / 3_600_000).toFixed(1);
    const lines = [
      markdown(['fault', 'fired', 'worlds'], faults),
      markdown(
        ['what happened', 'times', 'worlds'],
        counts.map(([what, tally]) => row(what, tally)),
      ),
      `${this.worlds} worlds, ${hours} virtual hours, ${this.events} events, ${rate} worlds/s`,
      `${this.failures.length} violations`,
    ];
    if (this.idle.length > 0) lines.push(`never happened: ${this.idle.join(', ')}`);
    return lines.join('\n\n');
  }
}

function note(
  tallies: Map<string, { times: number; worlds: number }>,
  counts: ReadonlyMap<string, number>,
): void {
  for (const [what, times] of counts) {
    if (times === 0) continue;
    const tally = tallies.get(what) ?? { times: 0, worlds: 0 };
    tallies.set(what, { times: tally.times + times, worlds: tally.worlds + 1 });
  }
}

function row(what: string, tally = { times: 0, worlds: 0 }): string[] {
  return [what, `${tally.times}`, `${tally.worlds}`];
}

/** A violation in a line. */
export function violationLine({ seed, violation }: Verdict): string {
  if (violation === null) return `seed ${seed}: no violation`;
  const { invariant, at, what } = violation;
  return `seed ${seed}: ${invariant} at ${(at / 1000).toFixed(3)} s: ${what}`;
}

/** One line on a terminal that is written over; nothing elsewhere. */
export function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${line.slice(0, 78)}\u001b[K`);
}

/** Takes the line away. */
export function endProgress(): void {
  progress('');
}
