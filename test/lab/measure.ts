// Measures what the README tells of networks, and prints it as a markdown table:
// `node test/lab/measure.ts`, or `node test/lab/measure.ts --only relay --runs 5`. Needs a build,
// root and Linux. Each run has machines of its own and the times that users have.
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { markdownTable, type Row, spread } from '../../scripts/bench/figures.ts';
import { whyNoLab } from '../../scripts/netlab/permission.ts';
import { FIGURES, type Figure } from './figures.ts';
import { MeshLab } from './mesh-lab.ts';

const options = {
  only: { type: 'string', default: '' },
  runs: { type: 'string', default: '3' },
} as const;

async function main(): Promise<void> {
  const { values } = parseArgs({ options });
  const runs = Number(values.runs);
  const figures = FIGURES.filter(({ name }) => name.includes(values.only));
  const why = await whyNoLab();
  if (why !== null) throw new Error(why);
  if (!(runs >= 1) || figures.length === 0) throw new Error('--only is in no name, or --runs < 1');
  const before = loadavg()[0] ?? 0;
  const measured = new Map<Figure, number[]>(figures.map((figure) => [figure, []]));
  // One run of each, then the next one of each: what else the machine does hits all alike.
  for (let run = 1; run <= runs; run++) {
    for (const [figure, numbers] of measured) {
      const number = await runOnce(figure);
      if (number !== null) numbers.push(number);
    }
  }
  const rows = [...measured].map(([figure, numbers]) => rowOf(figure, numbers));
  const loads = [before, loadavg()[0] ?? 0].map((load) => load.toFixed(1));
  const [cpu] = cpus();
  console.log(`${cpus().length} cores (${cpu?.model.trim()}), Node ${process.versions.node}; \
load average before and after: ${loads.join(', ')}; ${runs} runs\n\n${markdownTable(rows)}`);
}

/** The other figures are worth having when one run fails. */
async function runOnce({ name, unit, measure }: Figure): Promise<number | null> {
  try {
    await using lab = await MeshLab.open({ timeFactor: 1 });
    const number = await measure(lab);
    console.error(`${name}: ${number.toFixed(2)} ${unit}`);
    return number;
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.stack : error}`);
    process.exitCode = 1;
    return null;
  }
}

function rowOf({ name, unit, how }: Figure, numbers: readonly number[]): Row {
  const digits = unit === 's' ? 2 : 0;
  const text = numbers.length === 0 ? 'failed' : spread(numbers, digits, unit);
  return { figure: name, measured: text, target: '', how };
}

await main();
