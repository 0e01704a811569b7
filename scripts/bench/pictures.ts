// Draws what `npm run bench -- --json FILE` measured, a picture for each workload:
// `node scripts/bench/pictures.ts FILE FOLDER`.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bar, type BarPicture, barPicture } from './bars.ts';
import type { Standing } from './comparison.ts';
import { median } from './figures.ts';

/** The pictures by file name, in the order of the workloads. */
export function pictures(compared: readonly Standing[]): Map<string, string> {
  const workloads = Map.groupBy(compared, ({ workload }) => workload);
  const drawn = new Map<string, string>();
  for (const [workload, standings] of workloads) {
    const shown = standings.filter(({ rates }) => rates.length > 0);
    if (shown.length === 0) continue;
    drawn.set(`${workload.toLowerCase()}.svg`, barPicture(pictureOf(workload, shown)));
  }
  return drawn;
}

function pictureOf(workload: string, standings: readonly Standing[]): BarPicture {
  const title = standings[0]?.title ?? '';
  // What runs again is about the time that all of it takes.
  const isTime = workload.startsWith('W7');
  const unit = isTime
    ? 'seconds, less is better; logarithmic'
    : 'a second, more is better; logarithmic; the line is from the slowest to the fastest round';
  const bars = standings.map((one): Bar => {
    const values = isTime ? one.seconds : one.rates;
    const [value, low, high] = [median(values), Math.min(...values), Math.max(...values)];
    return { name: one.system, value, low, high, role: roleOf(one.system) };
  });
  bars.sort((a, b) => (isTime ? a.value - b.value : b.value - a.value));
  return { title: `${workload}: ${title}`, unit, bars };
}

function roleOf(system: string): Bar['role'] {
  if (system.startsWith('meshd')) return 'own';
  return system.startsWith('bare loop') ? 'limit' : 'other';
}

function main(file: string | undefined, folder: string | undefined): void {
  if (file === undefined || folder === undefined) {
    process.stderr.write('node scripts/bench/pictures.ts FILE.json FOLDER\n');
    process.exitCode = 2;
    return;
  }
  const { compared } = JSON.parse(readFileSync(file, 'utf8')) as { compared: Standing[] };
  mkdirSync(folder, { recursive: true });
  for (const [name, svg] of pictures(compared)) writeFileSync(join(folder, name), svg);
}

if (import.meta.main) main(process.argv[2], process.argv[3]);
