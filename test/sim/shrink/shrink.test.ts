import { expect, test } from 'vitest';
import { run } from '../run.ts';
import { generate } from '../world/generate.ts';
import { sha256 } from '../world/machine.ts';
import { Random } from '../world/random.ts';
import type { Act, Scenario } from '../world/scenario.ts';
import { shrink, describe as tell } from './shrink.ts';

const SEEDS = Array.from({ length: 150 }, (_, k) => k + 1);

/** The first world from a seed on in which something holds. */
function find(holds: (scenario: Scenario) => boolean): Scenario {
  for (let seed = 1; seed < 5000; seed++) {
    const scenario = generate(seed);
    if (holds(scenario)) return scenario;
  }
  throw new Error('no such world');
}

function machinesOf(act: Act): number[] {
  switch (act.kind) {
    case 'partition':
      return act.sides.flat();
    case 'cut':
      return [...act.machines];
    case 'copy':
      return [act.machine, act.twin];
    default:
      return [act.machine];
  }
}

/** What is wrong with a scenario as data: numbers that name nothing, acts that come too late. */
function faultsIn({ machines, jobs, acts, healAt, faults }: Scenario): string[] {
  const wrong: string[] = [];
  const check = (isRight: boolean, what: string): void => {
    if (!isRight) wrong.push(what);
  };
  check(machines.length > 0 && jobs.length > 0, 'nothing is left');
  for (const [k, { number }] of machines.entries())
    check(number === k, `machine ${number} at ${k}`);
  for (const [k, { number, owner, at, target, program }] of jobs.entries()) {
    check(number === k, `job ${number} at ${k}`);
    check(owner >= 0 && owner < machines.length, `owner ${owner}`);
    check(at < healAt && target.count >= 1 && Number.isInteger(target.count), `job ${number}`);
    check(program.every >= 1, 'program');
  }
  for (const act of acts) {
    const numbers = machinesOf(act);
    check(new Set(numbers).size === numbers.length && numbers.length > 0, `${act.kind}: twice`);
    check(
      numbers.every((number) => machines[number] !== undefined),
      `${act.kind}: ${numbers}`,
    );
    check(act.kind !== 'partition' || act.sides.every((side) => side.length > 0), 'empty side');
    check(!('job' in act) || jobs[act.job] !== undefined, `${act.kind}: no job`);
    check(act.at < healAt, `${act.kind} after healing`);
    check(faults.includes(act.fault), `${act.fault} is not among the faults`);
    if (act.kind === 'copy') {
      const [machine, twin] = numbers.map((number) => machines[number]);
      check(machine?.id === twin?.id && twin?.joinsAt === null, 'a twin of another machine');
    }
  }
  return wrong;
}

test('every candidate is a whole scenario, whatever the answers', () => {
  let asked = 0;
  const gone = { machines: 0, jobs: 0, acts: 0 };
  for (const seed of SEEDS) {
    const scenario = generate(seed);
    const random = new Random(`answers ${seed}`);
    const share = random.pick([0.1, 0.5, 0.9]);
    const small = shrink(
      scenario,
      (candidate) => {
        asked++;
        expect(faultsIn(candidate), `seed ${seed}`).toEqual([]);
        return random.chance(share);
      },
      200,
    );
    for (const list of ['machines', 'jobs', 'acts'] as const) {
      expect(small[list].length).toBeLessThanOrEqual(scenario[list].length);
      gone[list] += scenario[list].length - small[list].length;
    }
  }
  expect(asked).toBeGreaterThan(5000);
  for (const count of Object.values(gone)) expect(count).toBeGreaterThan(10);
});

test('what comes out is the last candidate that failed, or the scenario itself', () => {
  for (const seed of SEEDS) {
    const scenario = generate(seed);
    let last = scenario;
    const fails = (candidate: Scenario): boolean => {
      const answer = Number.parseInt(sha256(JSON.stringify(candidate)).slice(0, 2), 16) < 100;
      if (answer) last = candidate;
      return answer;
    };
    expect(shrink(scenario, fails, 150)).toEqual(last);
    expect(shrink(scenario, () => false, 1e6)).toEqual(scenario);
  }
});

test('nothing is left of a world that fails whatever happens', () => {
  for (const seed of SEEDS) {
    const small = shrink(generate(seed), () => true, 1e6);
    expect(small.acts).toEqual([]);
    expect([small.machines.length, small.jobs.length]).toEqual([1, 1]);
    expect(small.jobs[0]?.target.count).toBe(1);
    expect(small.faults).toEqual([]);
    expect(small.machines[0]?.name).toBe('m0');
    expect(tell(small).split('\n').length).toBe(4);
  }
});

test('no more is asked than the budget allows, and nothing twice', () => {
  const scenario = find(({ acts, machines }) => acts.length > 10 && machines.length > 4);
  for (const budget of [0, 1, 7, 40]) {
    const asked: string[] = [];
    shrink(scenario, (candidate) => asked.push(JSON.stringify(candidate)) % 3 === 0, budget);
    expect(asked.length).toBe(budget);
    expect(new Set(asked).size).toBe(budget);
  }
});

test('the same scenario and the same answers give the same candidates in the same order', () => {
  const scenario = find(({ acts, jobs }) => acts.length > 10 && jobs.length > 1);
  const [first = [], second = []] = [0, 1].map(() => {
    const asked: string[] = [];
    shrink(scenario, (candidate) => asked.push(JSON.stringify(candidate)) % 2 === 0, 100);
    return asked;
  });
  expect(first.length).toBeGreaterThan(20);
  expect(second).toEqual(first);
});

test('acts, partitions, jobs and copied homes follow the machines that they are about', () => {
  /** What stands in acts and jobs, with machines by id instead of number. */
  const facts = ({ machines, jobs, acts }: Scenario): string[] => {
    const id = (number: number): string => machines[number]?.id ?? '?';
    return [
      ...jobs.map(({ owner, program }) => `${program.seed} of ${id(owner)}`),
      ...acts.map((act) => `${act.at} ${act.kind} ${machinesOf(act).map(id)}`),
    ];
  };
  const kinds = new Set<Act['kind']>();
  for (const seed of SEEDS) {
    const scenario = generate(seed);
    const [first] = scenario.acts;
    const last = scenario.acts.at(-1);
    if (first === undefined || last === undefined) continue;
    const wanted = [first, last].flatMap((act) => facts({ ...scenario, jobs: [], acts: [act] }));
    const keeps = (candidate: Scenario): boolean => {
      const found = facts(candidate);
      return wanted.every((fact) => found.includes(fact));
    };
    const small = shrink(scenario, keeps, 1e6);
    expect(keeps(small)).toBe(true);
    expect(small.acts.length).toBe(new Set([first, last]).size);
    const involved = new Set(wanted.flatMap((fact) => fact.match(/peer-\w+/g) ?? []));
    expect(new Set(small.machines.map(({ id }) => id))).toEqual(involved);
    expect(small.machines.every(({ name, number }) => name === `m${number}`)).toBe(true);
    kinds.add(first.kind);
    kinds.add(last.kind);
  }
  for (const kind of ['partition', 'cut', 'copy', 'crash', 'operate'] as const) {
    expect(kinds).toContain(kind);
  }
});

test('the acts of a job that goes go with it, and the others keep to theirs', () => {
  const drawn = find(({ jobs, acts }) => {
    return jobs.length === 2 && acts.some(({ kind }) => kind === 'operate');
  });
  const acts = drawn.acts.flatMap((act) =>
    act.kind === 'operate'
      ? [
          { ...act, job: 0 },
          { ...act, job: 1, at: act.at + 0.5 },
        ]
      : [],
  );
  const scenario = { ...drawn, acts };
  const [first, second] = scenario.jobs;
  if (first === undefined || second === undefined) throw new Error('two jobs');
  const isAboutSecond = ({ jobs, acts }: Scenario): boolean => {
    for (const act of acts) {
      const job = 'job' in act ? jobs[act.job] : undefined;
      expect(job?.at).toBe(Number.isInteger(act.at) ? first.at : second.at);
    }
    return acts.some((act) => !Number.isInteger(act.at));
  };
  const small = shrink(scenario, isAboutSecond, 1e6);
  expect(small.jobs.map(({ at, number }) => [at, number])).toEqual([[second.at, 0]]);
  expect(small.acts.map((act) => 'job' in act && act.job)).toEqual([0]);
});

test('a stall is over before the faults stop, and no act comes after that', () => {
  const scenario = find(({ acts }) => acts.some(({ kind }) => kind === 'suspend'));
  const stalls = ({ acts }: Scenario): boolean =>
    acts.some((act) => act.kind === 'suspend' && act.forMs > 2000);
  const { acts, healAt } = shrink(scenario, stalls, 1e6);
  const [act] = acts;
  if (act?.kind !== 'suspend') throw new Error('a suspended machine is left');
  expect(act.forMs).toBeLessThan(4100);
  expect(healAt).toBeGreaterThanOrEqual(act.at + act.forMs);
  expect(healAt).toBeLessThan(act.at + act.forMs + 2000);
});

test('of a world in which a peer is called dead remain two machines and what parts them', () => {
  const scenario = find((drawn) => {
    return drawn.machines.length === 3 && drawn.acts.length > 3 && tellsDeath(drawn);
  });
  const small = shrink(scenario, tellsDeath, 120);
  expect(tellsDeath(small)).toBe(true);
  expect(small.machines.length).toBe(2);
  expect(small.acts.length).toBe(1);
});

function tellsDeath(scenario: Scenario): boolean {
  return (run(scenario).counts.get('deaths told') ?? 0) > 0;
}

test('a story has thirty lines at most and leaves out no machine without a word', () => {
  let named = 0;
  for (const seed of SEEDS) {
    const scenario = generate(seed);
    const story = tell(scenario);
    expect(story.split('\n').length).toBeLessThanOrEqual(30);
    const groups = story.slice(0, story.indexOf('network:'));
    for (const { name } of groups.includes('… and') ? [] : scenario.machines) {
      expect(groups).toMatch(new RegExp(`^(?:.* )?${name}(?::| )`, 'm'));
      named++;
    }
    for (const { number } of scenario.jobs) expect(story).toContain(`job ${number} of`);
    for (const line of story.split('\n')) expect(line.length).toBeLessThan(200);
    expect(story).not.toMatch(/undefined|NaN|\[object/);
  }
  expect(named).toBeGreaterThan(2 * SEEDS.length);
  const crowded = find(({ acts }) => acts.length > 2);
  const acts = Array.from({ length: 15 }, () => crowded.acts.slice(0, 3)).flat();
  const story = tell({ ...crowded, acts }).split('\n');
  expect(story.length).toBeLessThanOrEqual(30);
  expect(story.at(-1)).toBe('… and 30 more');
});

test('a story tells acts in order of time, with their machines', () => {
  const program = { ...generate(1).jobs[0]?.program, name: 'f', seed: 1, every: 10, costMs: 4 };
  const scenario = {
    ...generate(1),
    seed: 4711,
    faults: ['partition', 'crash'],
    weather: { delayMs: [2, 40], loss: 0.1, doubled: 0, late: 0 },
    timing: {},
    machines: [0, 1, 2].map((number) => ({
      ...{ number, id: `peer-${number}`, name: `m${number}`, slots: 1, drift: 0, joinsAt: 0 },
      ...{ slowness: number === 1 ? 3 : 1, liar: false, foreign: false },
    })),
    jobs: [
      {
        ...{ number: 0, owner: 2, at: 700, priority: 0, probe: 0, deadlineMs: null },
        program: {
          ...{ ...program, heavy: true, acceptedCost: 1, values: 'number', errorsEvery: 0 },
          ...{ deadly: [7], poison: [], limit: [] },
        },
        target: { kind: 'accept', count: 50, maxEvals: null },
      },
    ],
    acts: [
      ...[{ at: 800, fault: 'partition', kind: 'partition', sides: [[0], [1, 2]] }].map((act) => ({
        ...{ ...act, oneWay: true, forMs: 6000 },
      })),
      {
        ...{ at: 12_345, fault: 'crash', kind: 'crash', machine: 2, how: 'power', keeps: 'some' },
        ...{ effects: 4, wipes: true, forgets: false, forMs: null },
      },
    ],
    healAt: 30_000,
  } as unknown as Scenario;
  expect(tell(scenario)).toBe(
    [
      'seed 4711: 3 machines, faults stop at 30.000 s',
      'm0 m2: 1 slot',
      'm1: 1 slot, 3 times slower',
      'network: 2–40 ms, 10.0 % lost',
      'job 0 of m2 at 0.700 s: accept 50, one in 10, 4 ms each, heavy tail, deadly 7',
      '   0.800 s  m0 -x-> m1 m2 for 6.000 s',
      '  12.345 s  m2 loses power, 4 effects later, keeps some of what is not synced, ' +
        'disk wiped, for ever',
    ].join('\n'),
  );
});
