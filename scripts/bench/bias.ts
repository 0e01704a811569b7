import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Row } from './figures.ts';
import { inTime, type Plan } from './rounds.ts';
import type { System } from './systems/system.ts';

/** Many at work and few wanted: there what comes first counts most. */
const SLOTS = 16;
const ACCEPT = 10;
const REPEATS = 100;
/** No further repeat begins after this. */
const LIMIT_MS = 45_000;
/** The mean of a number that is drawn from [0, 1). */
const TRUTH = 0.5;

/** W4: the mean of the first values accepted, where a call takes 20 ms × its value. */
export async function bias(plan: Plan): Promise<Row[]> {
  const rows: Row[] = [];
  for (const system of plan.systems.filter(({ kinds }) => kinds.includes('slow'))) {
    try {
      rows.push(row(system, await means(plan, system)));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      process.stderr.write(`bias, ${system.name}: ${why}\n`);
    }
  }
  return rows;
}

/** The mean of each repeat. */
async function means({ bed, rounds, size }: Plan, system: System): Promise<number[]> {
  const folder = mkdtempSync(join(bed.folder, 'bias-'));
  const setting = { kind: 'slow', slots: SLOTS, seed: 9_000_000, rounds, folder } as const;
  await using running = await system.start(bed, setting);
  // Warms up: else those that start first are ahead for another reason.
  await inTime(running.run({ units: 1000, accept: 100, expected: 200 }));
  const all: number[] = [];
  const late = performance.now() + LIMIT_MS;
  const repeats = Math.max(2, Math.round(REPEATS * size));
  while (all.length < repeats && performance.now() < late) {
    const order = { units: 1000, accept: ACCEPT, expected: 2 * ACCEPT };
    const { values = [] } = await inTime(running.run(order));
    if (values.length !== ACCEPT) throw new Error(`${values.length} values of ${ACCEPT}`);
    all.push(values.reduce((sum, value) => sum + value, 0) / ACCEPT);
  }
  return all;
}

function row({ name }: System, all: readonly number[]): Row {
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  const square = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (all.length - 1);
  const error = Math.sqrt(square / all.length);
  const off = mean - TRUTH;
  return {
    figure: `W4: bias of the accepted values, ${name}`,
    measured: `${off < 0 ? '−' : '+'}${Math.abs(off).toFixed(3)} ± ${error.toFixed(3)}`,
    target: name === 'meshd' ? 'within 2 standard errors of 0' : '',
    how:
      `the first ${ACCEPT} of ${SLOTS} slots, each call 20 ms × its value; ` +
      `mean less ${TRUTH} ± its standard error, ${all.length} repeats`,
  };
}
