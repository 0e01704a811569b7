import { isModest, NO_NEEDS, needsText } from '../../../src/core/needs.ts';
import type { OpChange } from '../../../src/core/record.ts';
import type { Act, JobPlan, MachinePlan, Scenario } from '../world/scenario.ts';

/** Lines of acts in a story; what comes after them is counted. */
const ACT_LINES = 16;

/** Lines of machines; those that are alike share one. */
const GROUP_LINES = 8;

/** Lines of jobs. */
const JOB_LINES = 4;

/** Machines that are listed one by one. */
const LISTED = 12;

/** A scenario told to a person, in at most some thirty short lines. */
export function describe(scenario: Scenario): string {
  const { seed, machines, jobs, acts, healAt } = scenario;
  const alike = Map.groupBy(machines, machineStory);
  const groups = [...alike].map(([story, all]) => `${list(all.map(nameOf))}: ${story}`);
  return [
    `seed ${seed}: ${machines.length} machines, faults stop at ${seconds(healAt)}`,
    ...atMost(groups, GROUP_LINES),
    networkStory(scenario),
    ...atMost(jobs.map(jobStory), JOB_LINES),
    ...atMost(
      acts.map((act) => `${seconds(act.at).padStart(10)}  ${actStory(act)}`),
      ACT_LINES,
    ),
  ].join('\n');
}

function atMost(lines: readonly string[], most: number): string[] {
  if (lines.length <= most) return [...lines];
  return [...lines.slice(0, most - 1), `… and ${lines.length - most + 1} more`];
}

function list(names: readonly string[]): string {
  if (names.length <= LISTED) return names.join(' ');
  return `${names.slice(0, 3).join(' ')} … ${names.at(-1)} (${names.length})`;
}

/** By number, and by name where that is another one; with what is its own alone. */
function nameOf({ number, name, drift }: MachinePlan): string {
  const own = name === `m${number}` ? [] : [name];
  if (drift !== 0) own.push(`drifts ${(drift * 100).toFixed(2)} %`);
  return own.length === 0 ? name : `m${number} (${own.join(', ')})`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`;
}

function machineStory(machine: MachinePlan): string {
  const { slots, slowness, joinsAt, liar, foreign } = machine;
  const parts = [slots === 1 ? '1 slot' : `${slots} slots`];
  if (slowness !== 1) parts.push(`${slowness} times slower`);
  if (joinsAt === null) parts.push('off');
  else if (joinsAt > 0) parts.push(`joins at ${seconds(joinsAt)}`);
  if (liar) parts.push('lies');
  if (foreign) parts.push('speaks another version');
  return parts.join(', ');
}

function networkStory({ weather, timing }: Scenario): string {
  const { delayMs, loss, doubled, late } = weather;
  const [least, most] = delayMs.map((ms) => Math.round(ms));
  const shares = Object.entries({ lost: loss, doubled, late })
    .filter(([, share]) => share > 0)
    .map(([name, share]) => `, ${(share * 100).toFixed(1)} % ${name}`);
  const keep = timing.keepMs === undefined ? '' : `; jobs are kept for ${seconds(timing.keepMs)}`;
  return `network: ${least}–${most} ms${shares.join('')}${keep}`;
}

function jobStory({ number, program, target, owner, ...plan }: JobPlan): string {
  const { every, costMs, heavy, acceptedCost, values, errorsEvery } = program;
  const { at, priority, probe, deadlineMs, commands, needs = NO_NEEDS, perHour = null } = plan;
  const asked =
    target.kind === 'map' ? `map ${target.count}` : `accept ${target.count}, one in ${every},`;
  const parts = [`job ${number} of m${owner} at ${seconds(at)}: ${asked} ${costMs} ms each`];
  if (heavy) parts.push('heavy tail');
  if (acceptedCost !== 1) parts.push(`accepted cost ${acceptedCost} times that`);
  if (values !== 'number') parts.push(`${values} values`);
  if (errorsEvery > 0) parts.push(`one in ${errorsEvery} throws`);
  for (const name of ['deadly', 'poison', 'limit'] as const) {
    if (program[name].length > 0) parts.push(`${name} ${program[name].join(' ')}`);
  }
  if (target.kind === 'accept' && target.maxEvals !== null) parts.push(`≤ ${target.maxEvals}`);
  if (commands === true) parts.push('commands');
  if (!isModest(needs)) parts.push(`needs ${needsText(needs)}`);
  if (perHour !== null) parts.push(`${(perHour / 3600).toFixed(1)} a second`);
  if (probe > 0) parts.push(`probe ${probe}`);
  if (priority !== 0) parts.push(`priority ${priority}`);
  if (deadlineMs !== null) parts.push(`deadline ${seconds(deadlineMs)}`);
  return parts.join(', ');
}

function actStory(act: Act): string {
  switch (act.kind) {
    case 'crash':
      return crashStory(act);
    case 'rot':
      return `m${act.machine}: ${act.entries} entries rot`;
    case 'full':
      return `m${act.machine}: disk full for ${seconds(act.forMs)}`;
    case 'stall':
    case 'suspend':
      return `m${act.machine}: ${act.kind} of ${seconds(act.forMs)}`;
    case 'wall':
      return `m${act.machine}: wall clock jumps by ${seconds(act.jumpMs)}`;
    case 'partition': {
      const [left, right] = act.sides.map((side) => list(side.map((number) => `m${number}`)));
      return `${left} ${act.oneWay ? '-x->' : '|'} ${right} for ${seconds(act.forMs)}`;
    }
    case 'cut':
      return `m${act.machines[0]} – m${act.machines[1]}: stream cut`;
    case 'stop':
      return `m${act.machine} ${act.forMs === null ? 'leaves' : `stops for ${seconds(act.forMs)}`}`;
    case 'operate':
      return `m${act.machine}: ${changeStory(act.change)} job ${act.job}`;
    case 'copy':
      return `m${act.twin} starts with a copy of the home of m${act.machine}`;
    case 'slots':
      return `m${act.machine} has ${act.slots} slots for ${seconds(act.forMs)}`;
    case 'forge':
      return `m${act.machine} is sent forged records`;
    case 'verify':
      return `m${act.machine} verifies job ${act.job}`;
  }
}

function crashStory(act: Extract<Act, { kind: 'crash' }>): string {
  const { machine, how, effects, keeps, wipes, forgets, forMs } = act;
  const parts = [`m${machine} ${how === 'power' ? 'loses power' : 'is killed'}`];
  if (effects > 0) parts.push(`${effects} effects later`);
  if (keeps !== 'synced') parts.push(`keeps ${keeps} of what is not synced`);
  if (wipes) parts.push(forgets ? 'disk and incarnation wiped' : 'disk wiped');
  parts.push(forMs === null ? 'for ever' : `for ${seconds(forMs)}`);
  return parts.join(', ');
}

function changeStory(change: OpChange): string {
  switch (change.kind) {
    case 'cancel':
      return `cancels (${change.reason}${change.wait ? ', waits' : ''})`;
    case 'pause':
      return change.paused ? 'pauses' : 'resumes';
    case 'priority':
      return `gives priority ${change.priority} to`;
  }
}
