import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Job, LogEntry, LogOptions } from '../../src/index.ts';
import { createStreams } from '../../src/work/candidate/rng.ts';
import { InsideMesh, untilTrue } from '../e2e/inside-mesh.ts';
import { Lab } from '../e2e/lab.ts';
import { oracle } from '../oracle.ts';

const fn = 'test/e2e/functions/logs.js';

async function entriesOf(job: Job, options: LogOptions = {}): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const entry of job.logs(options)) entries.push(entry);
  return entries;
}

/** `index level text` of each line. */
function textsOf(entries: readonly LogEntry[]): string[] {
  return entries.map((entry) =>
    'missing' in entry ? `missing ${entry.missing}` : `${entry.index} ${entry.level} ${entry.text}`,
  );
}

/** The first draw of a candidate. */
function drawOf(index: number): number {
  const { rng, open } = createStreams(0);
  open(index);
  return rng.uniform();
}

test('what three peers logged is collected from a fourth: by index, level and peer', async () => {
  await using mesh = await InsideMesh.open();
  const [a, b, c] = [await mesh.join(1), await mesh.join(1), await mesh.join(1)];
  const d = await mesh.join(0);
  await mesh.seeOneAnother();
  const params = { ms: 20 };
  const published = await a.mesh.publish({ fn, accept: 60, params });
  const summary = await published.done();
  const job = await d.mesh.job(published.id);
  const entries = await entriesOf(job);
  const lines = entries.flatMap((entry) => ('missing' in entry ? [] : [entry]));
  expect(lines).toHaveLength(entries.length);
  expect(new Set(lines.map(({ peer }) => peer))).toEqual(new Set([a.id, b.id, c.id]));
  // Every candidate of the answer is there, whoever ran it, with what its own stream gave it.
  const texts = textsOf(lines);
  for (let index = 0; index < summary.evaluated; index += 1) {
    const x = drawOf(index);
    expect(texts).toContain(`${index} debug draws ${x}`);
    expect(texts).toContain(`${index} info begins ${index}`);
    expect(texts.includes(`${index} warn large ${x}`)).toBe(x > 0.9);
  }
  // One machine, one clock: the times of all together rise.
  const times = lines.map(({ timeMs }) => timeMs);
  expect(times).toEqual(times.toSorted((x, y) => x - y));
  const warned = textsOf(await entriesOf(job, { level: 'warn' }));
  expect(warned).toEqual(texts.filter((text) => / (warn|error) /.test(text)));
  const one = await entriesOf(job, { index: 7 });
  expect(new Set(textsOf(one))).toEqual(new Set(texts.filter((text) => text.startsWith('7 '))));
  for (const peer of [b.id, b.id.slice(0, 20)]) {
    const own = await entriesOf(job, { peer });
    expect(own).toEqual(lines.filter((line) => line.peer === b.id));
  }
  await expect(entriesOf(job, { peer: 'nobody' })).rejects.toThrow('no peer "nobody" is known');
  const truth = await oracle({ fn, accept: 60, params: { ms: 0 } });
  expect(summary.certificate).toBe(truth.certificate(summary.computation));
});

test('a follower hears lines while the job runs, also of a peer that joins, and ends with it', async () => {
  await using mesh = await InsideMesh.open();
  const [a, b] = [await mesh.join(1), await mesh.join(1)];
  await mesh.seeOneAnother();
  const job = await a.mesh.publish({ fn, accept: 100_000, params: { ms: 20 } });
  const heard = new Set<string>();
  let late: string | undefined;
  for await (const entry of job.logs({ follow: true })) {
    if ('missing' in entry) continue;
    heard.add(entry.peer);
    if (heard.has(a.id) && heard.has(b.id) && late === undefined) late = (await mesh.join(1)).id;
    // It ends because the job does, and not because the client leaves.
    if (late !== undefined && heard.has(late) && (await job.summary()).status === 'running') {
      await job.cancel();
    }
  }
  expect((await job.summary()).status).toBe('cancelled');
  expect(heard).toEqual(new Set([a.id, b.id, late]));
});

test('a peer that evaluated and is gone is named, and the lines of the others are there', async () => {
  await using mesh = await InsideMesh.open();
  const [a, b] = [await mesh.join(1), await mesh.join(1)];
  await mesh.seeOneAnother();
  const job = await a.mesh.publish({ fn, accept: 40, params: { ms: 20 } });
  await job.done();
  await b.close();
  const entries = await entriesOf(job);
  expect(entries).toContainEqual({ missing: b.id, why: 'it is not there' });
  const peers = entries.flatMap((entry) => ('missing' in entry ? [] : [entry.peer]));
  expect(new Set(peers)).toEqual(new Set([a.id]));
});

test('logs go when their job’s records do', async () => {
  await using mesh = await InsideMesh.open({ keepMs: 2000 });
  const { mesh: solo } = await mesh.solo(1);
  const { home } = await solo.status();
  const job = await solo.publish({ fn, accept: 10, params: { ms: 1 } });
  await job.done();
  expect((await entriesOf(job)).length).toBeGreaterThan(20);
  expect(await readdir(join(home, 'logs'))).toEqual([job.computation]);
  await untilTrue('the logs are gone', async () => {
    return (await readdir(join(home, 'logs'))).length === 0;
  });
  await expect(solo.job(job.id)).rejects.toThrow('no job');
});

test('logs without end fill no disk, grow no memory and stop no heartbeat; the answer is the oracle’s', async () => {
  await using lab = await Lab.open();
  const peers = await lab.three();
  const params = { endless: 17 };
  const fn = 'test/e2e/functions/noisy.js';
  const limits = ['--timeout', '5s', '--params', JSON.stringify(params)];
  const published = await lab.publish('a', fn, '--accept', '60', ...limits);
  const suspected = new Set<string>();
  let mostResident = 0;
  let isOver = false;
  const ended = published.end().finally(() => {
    isOver = true;
  });
  while (!isOver) {
    for (const { name, state } of await lab.peers('b')) if (state !== 'alive') suspected.add(name);
    for (const { pid } of peers) mostResident = Math.max(mostResident, await residentBytes(pid));
  }
  const { summary } = await ended;
  const truth = await oracle({ fn, accept: 60, params: { endless: -1 }, skip: [17] });
  expect(summary.skipped).toEqual([17]);
  expect(summary.certificate).toBe(truth.certificate(summary.computation));
  expect(suspected).toEqual(new Set());
  expect(mostResident).toBeLessThan(400e6);
  let kept = 0;
  for (const name of ['a', 'b', 'c']) kept += await bytesBelow(join(lab.home(name), 'logs'));
  expect(kept).toBeGreaterThan(1e6);
  expect(kept).toBeLessThan(3 * 17e6);
  // A candidate has its share of lines, and a word on the rest.
  const { stdout } = await lab.run('c', 'logs', 'noisy', '--index', '3');
  expect(stdout.split('\n').length).toBeGreaterThan(10);
  expect(stdout).toMatch(/ … \d+ lines dropped$/m);
  const endless = (await lab.run('c', 'logs', 'noisy', '--index', '17')).stdout;
  expect(/ 17 info \d+ x+/.test(endless)).toBe(true);
});

test('a killed peer has all that was logged a second before, and tells it when it is back', async () => {
  await using lab = await Lab.open();
  const peer = await lab.start('a');
  const detached = ['--detach', '--params', '{"ms":50}'];
  const { stdout } = await lab.run('a', 'publish', fn, '--accept', '100000', ...detached);
  const job = stdout.trim();
  const follower = lab.command('a', 'logs', job, '--follow', '--json');
  const told = (text: string): { time: string; index: number; text: string }[] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  await follower.until((command) => told(command.stdout).length > 60);
  await peer.kill();
  const killedMs = Date.now();
  await follower.done;
  const heard = told(follower.stdout).filter(({ time }) => Date.parse(time) < killedMs - 1000);
  expect(heard.length).toBeGreaterThan(10);
  // On the home alone, with no peer that runs.
  const after = await lab.run('a', 'logs', job, '--json');
  const kept = new Set(told(after.stdout).map(({ index, text }) => `${index} ${text}`));
  for (const { index, text } of heard) expect(kept).toContain(`${index} ${text}`);
});

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
