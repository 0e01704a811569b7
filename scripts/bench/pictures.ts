// Draws what `npm run bench -- --json FILE` measured, a picture for each workload:
// `node scripts/bench/pictures.ts FILE FOLDER`.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bar, type BarPicture, barPicture } from './bars.ts';
import type { Standing } from './comparison.ts';
import { median, type Row } from './figures.ts';

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

const TITLES = {
  W5: ['W5: one of four killed, its work running again', 'seconds, less is better; logarithmic'],
  W6: ['W6: broker, master or peer away for 3 s', 'seconds to its work running again; logarithmic'],
  peers: ['Peers of one slot at functions of 50 ms', 'functions a second; logarithmic'],
  slots: ['Slots of one peer at functions of 50 ms', 'functions a second; logarithmic'],
} as const;

/** The pictures of rows that have a bar, by file name. */
export function picturesOfRows(rows: readonly Row[]): Map<string, string> {
  const drawn = new Map<string, string>();
  for (const [picture, [title, unit]] of Object.entries(TITLES)) {
    const bars = rows.flatMap(({ bar }): Bar[] => {
      if (bar?.picture !== picture || bar.values.length === 0) return [];
      const { name, values } = bar;
      const [value, low, high] = [median(values), Math.min(...values), Math.max(...values)];
      const isOwn = name.startsWith('meshd') || picture === 'peers' || picture === 'slots';
      return [{ name, value, low, high, role: isOwn ? 'own' : 'other' }];
    });
    if (bars.length === 0) continue;
    if (picture === 'W5' || picture === 'W6') bars.sort((a, b) => a.value - b.value);
    drawn.set(`${picture.toLowerCase()}.svg`, barPicture({ title, unit, bars }));
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
  const text = readFileSync(file, 'utf8');
  const { compared, rows } = JSON.parse(text) as { compared: Standing[]; rows: Row[] };
  mkdirSync(folder, { recursive: true });
  for (const [name, svg] of [...pictures(compared), ...picturesOfRows(rows)]) {
    writeFileSync(join(folder, name), svg);
  }
}

if (import.meta.main) main(process.argv[2], process.argv[3]);
