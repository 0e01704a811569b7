import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { run, type Verdict } from './run.ts';
import { generate } from './world/generate.ts';
import { endOf } from './world/plans.ts';
import { FAULT_KINDS, type FaultKind, type Scenario } from './world/scenario.ts';

const HERE = import.meta.dirname;

/** Worlds that are run again and again: small ones, with faults of many kinds. */
const KINDS: readonly FaultKind[] = [
  ...(['raced ops', 'wall jump', 'collected', 'suspend', 'copied home'] as const),
  ...(['rot', 'crash unsynced', 'drift'] as const),
];
const SEEDS: number[] = [];
for (const fault of KINDS) SEEDS.push(firstWith(fault));

function firstWith(fault: FaultKind): number {
  for (let seed = 1; ; seed++) {
    const { faults, machines, jobs } = generate(seed);
    // A deadline is a time on the wall, and part of its job's id.
    const isTimed = jobs.some(({ deadlineMs }) => deadlineMs !== null);
    const isLong = machines.length > 3 || faults.includes('poison');
    // A job that its probe ends has nothing to run.
    const isProbed = jobs.some((job) => endOf(job) <= job.probe);
    const isWanted = faults.includes(fault) && !isLong && !isTimed && !isProbed;
    if (isWanted && !SEEDS.includes(seed)) return seed;
  }
}

const DAY_MS = 24 * 3_600_000;

function told(scenario: Scenario): Verdict {
  return run(scenario, { transcript: true });
}

/** All that a run of a world comes to, as text. */
function whole({ transcript, violation, fired, counts, ms, events }: Verdict): string {
  const end = { violation, fired: [...fired], counts: [...counts], ms, events };
  return [...transcript, JSON.stringify(end)].join('\n');
}

test('of any hundred seeds in a row each fault has worlds, the rare ones too', () => {
  for (const from of [1, 12_345, 978_187_000, 2 ** 31]) {
    const seeds = Array.from({ length: 100 }, (_, at) => from + at);
    const drawn = new Set(seeds.flatMap((seed) => generate(seed).faults));
    expect(
      FAULT_KINDS.filter((kind) => !drawn.has(kind)),
      `from ${from}`,
    ).toEqual([]);
  }
});

describe('a world', () => {
  const verdicts = new Map(SEEDS.map((seed) => [seed, told(generate(seed))]));
  const first = new Map([...verdicts].map(([seed, verdict]) => [seed, whole(verdict)]));

  test('happens: it has a transcript that is long, and another one for each seed', () => {
    for (const { transcript } of verdicts.values()) {
      const evaluations = transcript.filter((line) => line.includes(' evaluated '));
      expect(evaluations.length).toBeGreaterThan(20);
    }
    expect(new Set(first.values()).size).toBe(SEEDS.length);
    const collected = [...verdicts.values()].map(({ counts }) => counts.get('collected') ?? 0);
    expect(Math.max(...collected)).toBeGreaterThan(0);
  });

  test('is the same at a second run, byte for byte, whatever ran before', () => {
    for (const seed of SEEDS.toReversed()) {
      expect(whole(told(generate(seed))), `seed ${seed}`).toBe(first.get(seed));
    }
  });

  test('is the same in another process, and in another time zone', () => {
    const program = `
      const { createHash } = await import('node:crypto');
      const { generate } = await import('./world/generate.ts');
      const { run } = await import('./run.ts');
      for (const seed of ${JSON.stringify(SEEDS)}) {
        const { transcript } = run(generate(seed), { transcript: true });
        console.log(createHash('sha256').update(transcript.join('\\n')).digest('hex'));
      }
    `;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program],
      { cwd: HERE, encoding: 'utf8', env: { ...process.env, TZ: 'Pacific/Kiritimati' } },
    );
    const digests = [...verdicts.values()].map(({ transcript }) => {
      return createHash('sha256').update(transcript.join('\n')).digest('hex');
    });
    expect(stdout.trim().split('\n'), stderr).toEqual(digests);
  });

  test('is the same when it was kept as JSON', () => {
    for (const seed of SEEDS) {
      const scenario = generate(seed);
      const kept = JSON.parse(JSON.stringify(scenario)) as Scenario;
      expect(kept).toStrictEqual(scenario);
      expect(whole(told(kept)), `seed ${seed}`).toBe(first.get(seed));
    }
  });

  test('is the same with all wall clocks 400 days on: S8', () => {
    for (const seed of SEEDS) {
      const scenario = generate(seed);
      const later = told({ ...scenario, wallMs: scenario.wallMs + 400 * DAY_MS });
      // A start that is raised follows the clock: it is injected, and decides nothing.
      const timeless = (text = ''): string => text.replace(/incarnation \d+/g, 'incarnation');
      expect(timeless(whole(later)), `seed ${seed}`).toBe(timeless(first.get(seed)));
    }
  });

  test('is the same with wall clocks that differ by days between its machines: S8', () => {
    for (const seed of SEEDS) {
      const scenario = generate(seed);
      // The wall clock says when a job is collected, and which of two starts of a home is the later
      // one where it was copied or came from an older copy.
      const { faults, acts } = scenario;
      if (faults.includes('collected') || faults.includes('copied home')) continue;
      if (acts.some((act) => act.kind === 'crash' && act.forgets)) continue;
      const { transcript, events } = verdicts.get(seed) ?? told(scenario);
      const apart = withWallsApart(scenario);
      expect(apart, `seed ${seed}`).toEqual({ transcript, events });
    }
  });

  test('of another seed is another one, drawn the same whatever was drawn before', () => {
    const seeds = Array.from({ length: 60 }, (_, k) => 1e6 + k);
    const forth = seeds.map((seed) => JSON.stringify(generate(seed)));
    const back = seeds.toReversed().map((seed) => JSON.stringify(generate(seed)));
    expect(back.toReversed()).toEqual(forth);
    expect(new Set(forth).size).toBe(seeds.length);
  });
});

/** What happens in a world in which the wall clock of each machine is wrong by some days. */
function withWallsApart(scenario: Scenario): Pick<Verdict, 'transcript' | 'events'> {
  const wallOffsetMs = (machine: number): number => DAY_MS * ((machine * 7) % 5);
  const { transcript, events } = run(scenario, { transcript: true, wallOffsetMs });
  return { transcript, events };
}
