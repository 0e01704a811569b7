import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import { type Ran, type RunOptions, runCaptured, startCaptured } from './captured-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-commands-'));
const home = join(folder, 'home');
const half = file(
  'half.js',
  `export default ({ rng, log }) => {
    const u = rng.uniform();
    log('u', u);
    if (u < 0.5) return u;
  };`,
);
const never = file('never.js', 'export default () => undefined;');
const square = file(
  'square.js',
  `export default ({ item }) => {
    if (item === 3) throw new RangeError('three');
    return item * item;
  };`,
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function meshd(argv: readonly string[], options?: RunOptions): Promise<Ran> {
  return runCaptured([...argv, '--home', home], options);
}

describe('the commands with no peer running', () => {
  test('a path that is opened and is not there is warned of in one line', async () => {
    const gone = join(folder, 'gone');
    const more = ['--allow-read', gone, '--allow-write', folder, '--seed', '77'];
    const { code, stderr } = await meshd(['publish', half, '--accept', '2', ...more]);
    expect(code).toBe(0);
    expect(stderr.match(/^warning: .*$/gm)).toEqual([
      `warning: --allow-read ${gone}: there is nothing on this machine`,
    ]);
  });

  test('publish prints the answer; the same again runs nothing and prints the same', async () => {
    const [out, summary] = [join(folder, 'out.ndjson'), join(folder, 'summary.json')];
    const argv = ['publish', half, '--accept', '50', '--seed', '3'];
    const first = await meshd(argv);
    expect(first.code).toBe(0);
    expect(first.stderr).toMatch(/^job [0-9a-f]{12} \(half\)\ndone: 50 accepted of .*\n$/);
    const lines = first.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(50);
    expect(lines[0]).toEqual({ index: expect.any(Number), value: expect.any(Number) });
    writeFileSync(out, 'of an earlier run\n'.repeat(9999));
    const again = await meshd([...argv, '--out', out, '--summary', summary]);
    expect(again).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(out, 'utf8')).toBe(first.stdout);
    const figures = JSON.parse(readFileSync(summary, 'utf8'));
    expect(figures).toMatchObject({ status: 'done', accepted: 50, seed: 3, ran: 0, skipped: [] });
    expect(figures.evaluated).toBe(lines.at(-1).index + 1);
  });

  test('results, attach, show, jobs, rerun and verify read what was kept', async () => {
    const published = await meshd(['publish', half, '--accept', '20', '--name', 'kept']);
    for (const verb of ['results', 'attach']) {
      expect(await meshd([verb, 'kept'])).toMatchObject({ code: 0, stdout: published.stdout });
    }
    const report = JSON.parse((await meshd(['show', 'kept', '--json'])).stdout);
    expect(report).toMatchObject({ name: 'kept', status: 'done', target: 20, kind: 'accept' });
    expect((await meshd(['show', 'kept'])).stdout).toMatch(/^status +done$/m);
    const row = (await meshd(['jobs'])).stdout.split('\n').find((line) => line.includes('kept'));
    expect(row).toMatch(new RegExp(`^${report.job.slice(0, 12)} +kept +done +20/20 `));
    const { index, value } = JSON.parse(published.stdout.split('\n')[0] ?? '');
    const rerun = await meshd(['rerun', 'kept', String(index)]);
    expect(rerun).toMatchObject({ code: 0, stdout: expect.stringContaining(`accepted ${value}`) });
    expect(rerun.stdout).toContain('log  u');
    const verified = await meshd(['verify', 'kept', '--sample', '100%', '--json']);
    const { checked, equal, different } = JSON.parse(verified.stdout);
    expect(checked).toBeGreaterThanOrEqual(20);
    expect({ equal, different }).toEqual({ equal: checked, different: [] });
    expect(verified.code).toBe(0);
  });

  test('map exits with 1 when an item failed, and its line says so', async () => {
    const ran = await meshd(['map', square, '--items', '-'], { stdin: '2\n3\n4\n' });
    const lines = ran.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      { index: 0, value: 4 },
      { index: 1, error: expect.stringContaining('RangeError') },
      { index: 2, value: 16 },
    ]);
    expect(ran.code).toBe(1);
  });

  test('--max-evals before the target gives the partial answer and exits with 5', async () => {
    const ran = await meshd(['publish', half, '--accept', '1000', '--max-evals', '40']);
    expect(ran).toMatchObject({ code: 5, stderr: expect.stringContaining('partial') });
    expect(ran.stdout).toMatch(/^\{"index":/);
  });

  test('a name is the job of that name, also where it is the beginning of the id of another', async () => {
    await meshd(['publish', half, '--accept', '1', '--seed', '91', '--name', 'first']);
    const { job } = JSON.parse((await meshd(['show', 'first', '--json'])).stdout);
    const name = job.slice(0, 8);
    await meshd(['publish', half, '--accept', '2', '--seed', '92', '--name', name]);
    const named = JSON.parse((await meshd(['show', name, '--json'])).stdout);
    expect(named).toMatchObject({ name, seed: 92 });
    const whole = JSON.parse((await meshd(['show', job, '--json'])).stdout);
    expect(whole).toMatchObject({ name: 'first', seed: 91 });
  });

  test('an unknown job is told with the nearest name', async () => {
    await meshd(['publish', half, '--accept', '1', '--name', 'boarding-school']);
    const ran = await meshd(['show', 'boarding-scool']);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toMatch(/boarding-scool.*did you mean "boarding-school"/);
  });
});

describe('a job that goes on', () => {
  test('an interrupt leaves it to be continued', async () => {
    const running = startCaptured(['publish', never, '--accept', '1', '--home', home]);
    await running.says('job ');
    running.interrupt();
    const ran = await running.done;
    expect(ran).toMatchObject({ code: 130, stdout: '' });
    const hint =
      /the same command \(or meshd attach ([0-9a-f]{12} --home \S+)\) continues. End it: meshd cancel \1/;
    expect(ran.stderr).toMatch(hint);
    expect((await meshd(['jobs'])).stdout).toMatch(/never +running/);
  });

  test('rests while other commands run, which tell of it unless it is their work', async () => {
    const evaluated = async () => {
      const rows = (await meshd(['jobs', '--json'])).stdout.trimEnd().split('\n');
      return rows.map((row) => JSON.parse(row)).find(({ name }) => name === 'never').evaluated;
    };
    const before = await evaluated();
    const other = await meshd(['publish', half, '--accept', '10', '--name', 'other']);
    expect(other.stderr).toMatch(
      /^an earlier job is not done: never. Go on with it: meshd attach /m,
    );
    expect((await meshd(['show', 'never'])).stdout).toMatch(/not here +nobody waits for it/);
    expect(await evaluated()).toBe(before);
    const attached = startCaptured(['attach', 'never', '--home', home]);
    await attached.says('evaluated');
    attached.interrupt();
    await attached.done;
    expect(await evaluated()).toBeGreaterThan(before);
    const again = startCaptured(['publish', never, '--accept', '1', '--home', home]);
    await again.says('job ');
    again.interrupt();
    expect((await again.done).stderr).not.toContain('earlier job');
  });

  test('other commands on the home steer it; cancel ends it with exit code 4', async () => {
    const argv = ['publish', never, '--accept', '1', '--seed', '1', '--name', 'steered', '--json'];
    const running = startCaptured([...argv, '--home', home]);
    await running.says('"event":"published"');
    const show = async () => JSON.parse((await meshd(['show', 'steered', '--json'])).stdout);
    expect((await meshd(['pause', 'steered'])).stdout).toMatch(/^paused [0-9a-f]{12} \(steered\)/);
    await running.says('"status":"paused"');
    expect((await meshd(['resume', 'steered'])).code).toBe(0);
    expect((await meshd(['priority', 'steered', '-3', '--json'])).code).toBe(0);
    expect(await show()).toMatchObject({ status: 'running', priority: -3 });
    expect((await meshd(['status', '--json'])).code).toBe(0);
    expect((await meshd(['peers'])).stdout).toMatch(/\(this\) .* alive +self/);
    const attached = startCaptured(['attach', 'steered', '--json', '--home', home]);
    await attached.says('"status":"running"');
    expect((await meshd(['cancel', 'steered'])).code).toBe(0);
    expect((await attached.done).code).toBe(4);
    expect((await running.done).code).toBe(4);
    expect((await meshd(['resume', 'steered'])).code).toBe(2);
  });

  test('a reader that went away ends the command quietly', async () => {
    const stdout = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      },
    });
    const argv = ['publish', half, '--accept', '100000', '--name', 'piped'];
    const ran = await meshd(argv, { stdout });
    expect(ran.code).toBe(0);
    expect(ran.stderr).not.toMatch(/EPIPE|Error/);
  });
});
