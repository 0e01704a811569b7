import { median, spread } from './figures.ts';
import type { Measurement } from './rounds.ts';
import { WORKLOADS } from './workloads.ts';

/** A system's figures in one workload. */
export interface Standing {
  readonly workload: Measurement['workload'];
  readonly title: string;
  readonly system: string;
  readonly units: number;
  /** One of each round. */
  readonly seconds: readonly number[];
  readonly rates: readonly number[];
  /** The rate against the bare loop's of the same language in the same round. */
  readonly ofBare: readonly number[];
  readonly failed: readonly string[];
}

/** The measurements of each system and workload together, in the order in which they came. */
export function standings(all: readonly Measurement[]): Standing[] {
  const groups = Map.groupBy(all, ({ workload, system }) => `${workload}\n${system}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const good = group.filter(({ failed }) => failed === null);
    return [
      {
        ...{ workload: first.workload, system: first.system },
        title: WORKLOADS.find(({ id }) => id === first.workload)?.title ?? '',
        units: Math.round(median(good.map(({ units }) => units))),
        seconds: good.map(({ seconds }) => seconds),
        rates: good.map(({ rate }) => rate),
        ofBare: good.flatMap((one) => ratioToBare(one, all)),
        failed: group.flatMap(({ failed }) => failed ?? []),
      },
    ];
  });
}

/** Empty where no bare loop ran. */
function ratioToBare(one: Measurement, all: readonly Measurement[]): number[] {
  const isLimit = (other: Measurement): boolean =>
    other.workload === one.workload &&
    other.round === one.round &&
    other.failed === null &&
    other.system.startsWith('bare loop');
  const limits = all.filter(isLimit);
  const limit = limits.find(({ language }) => language === one.language) ?? limits[0];
  return limit === undefined ? [] : [one.rate / limit.rate];
}

const HEAD = ['workload', 'system', 'N', 's', 'N/s', 'of the bare loop', ''];

/** One table in Markdown, columns aligned. */
export function comparisonTable(all: readonly Standing[]): string {
  const cells = [HEAD, ...all.map(cellsOf)];
  const widths = HEAD.map((_, k) => Math.max(...cells.map((row) => (row[k] ?? '').length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, k) => cell.padEnd(widths[k] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(HEAD), rule, ...cells.slice(1).map(line)].join('\n');
}

function cellsOf(one: Standing): string[] {
  const { workload, title, system, units, seconds, rates, ofBare, failed } = one;
  const named = `${workload}: ${title}`;
  const said = failed.length === 0 ? '' : `${failed.length} × ${failed[0]}`;
  if (seconds.length === 0) return [named, system, '', '', '', '', said];
  const some = (values: readonly number[]): string => spread(values, digits(median(values)));
  const ratio = ofBare.length === 0 ? '' : some(ofBare);
  return [named, system, String(units), some(seconds), some(rates), ratio, said];
}

/** So many digits that three count. */
function digits(value: number): number {
  return Math.max(0, Math.min(4, 2 - Math.floor(Math.log10(Math.abs(value) || 1))));
}
