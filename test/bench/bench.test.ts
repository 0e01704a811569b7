import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { barPicture } from '../../scripts/bench/bars.ts';
import { comparisonTable, standings } from '../../scripts/bench/comparison.ts';
import { BenchPeers } from '../../scripts/bench/peers.ts';
import { pictures } from '../../scripts/bench/pictures.ts';
import { compare, type Measurement } from '../../scripts/bench/rounds.ts';
import { bare } from '../../scripts/bench/systems/bare.ts';
import { Calls } from '../../scripts/bench/systems/calls.ts';
import { xargs } from '../../scripts/bench/systems/commands.ts';
import { meshdOnePeer } from '../../scripts/bench/systems/meshd.ts';
import type { Workload } from '../../scripts/bench/workloads.ts';

const TINY: Workload = {
  ...{ id: 'W2', title: 'tiny', kind: 'instant', slots: 1, units: 300, trial: 300 },
};

const one: Measurement = {
  ...{ workload: 'W2', system: 'x', language: 'node', round: 0, units: 10, seconds: 2, rate: 5 },
  failed: null,
};

test('a tiny round runs the bare loop, meshd and xargs', async () => {
  await using peers = new BenchPeers();
  const folder = join(peers.folder, 'systems');
  mkdirSync(folder);
  const bed = { folder, packages: join(folder, 'none'), peers };
  const rounds = { node: 1, python: 1 };
  const plan = { bed, systems: [bare, meshdOnePeer, xargs], rounds, repeats: 1, size: 1 };
  const all = [
    ...(await compare(plan, TINY)),
    ...(await compare({ ...plan, systems: [xargs] }, { ...TINY, kind: 'touch', units: 5 })),
  ];
  expect(all.map(({ system, units, failed }) => [system, units, failed])).toEqual([
    ['bare loop, Node', 300, null],
    ['meshd', 300, null],
    ['xargs -P', 5, null],
  ]);
  for (const { rate } of all) expect(rate).toBeGreaterThan(0);
});

test('a rate is held against the bare loop of its own language in its own round', () => {
  const all: Measurement[] = [
    { ...one, system: 'bare loop, Node', rate: 10 },
    { ...one, system: 'bare loop, Python', language: 'python', rate: 1000 },
    { ...one, rate: 5 },
    { ...one, system: 'bare loop, Node', round: 1, rate: 100 },
    { ...one, round: 1, rate: 20 },
  ];
  expect(standings(all).find(({ system }) => system === 'x')?.ofBare).toEqual([0.5, 0.2]);
});

test('what failed is told in the table, and has no bar in the picture', () => {
  const failed = { ...one, system: 'y', rate: Number.NaN, failed: 'no end within 120 s' };
  const all = standings([one, failed]);
  expect(comparisonTable(all)).toContain('1 × no end within 120 s');
  const [picture] = pictures(all).values();
  expect(picture).toContain('>x<');
  expect(picture).not.toContain('>y<');
});

test('ten times as much is the same length on, wherever it begins', () => {
  const bar = (name: string, value: number) =>
    ({ name, value, low: value, high: value, role: 'other' }) as const;
  const svg = barPicture({ title: 'a < b', unit: 's', bars: [2, 20, 200].map((v) => bar('', v)) });
  const widths = [...svg.matchAll(/width="([\d.]+)" height="16"/g)].map(([, text]) => Number(text));
  const [first = 0, second = 0, third = 0] = widths;
  expect(third - second).toBeCloseTo(second - first, 0);
  expect(svg).toContain('<title id="title">a &lt; b</title>');
});

test('calls under way are at most as many as there are slots where the first ones count', async () => {
  let [underWay, most] = [0, 0];
  const calls: Calls = new Calls({
    slots: 4,
    submit: async (indices) => {
      underWay += indices.length;
      most = Math.max(most, underWay);
      for (const index of indices) {
        setImmediate(() => {
          underWay -= 1;
          calls.settle(index, index % 2 === 0 ? index : null);
        });
      }
    },
  });
  const { values, needed } = await calls.run({ units: 1000, accept: 10 });
  expect(values).toHaveLength(10);
  expect(needed).toBeGreaterThanOrEqual(19);
  expect(most).toBe(4);
});

test.each([
  ['--only', 'W9'],
  ['--systems', 'nobody'],
  ['--rounds', '0'],
  ['--size', '2'],
  ['--json', join(import.meta.dirname, 'none', 'figures.json')],
])('%s %s is refused in one line before anything is measured', (option, value) => {
  const script = join(import.meta.dirname, '..', '..', 'scripts', 'bench.ts');
  const { status, stderr } = spawnSync(process.execPath, [script, option, value], {
    encoding: 'utf8',
  });
  const [line = '', usage = ''] = stderr.split('\n');
  expect(status).toBe(2);
  expect(line).toMatch(new RegExp(`^${option}\\b.*${value}`));
  expect(usage).toMatch(/^npm run bench/);
});
