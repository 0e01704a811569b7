import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ended, startBuilt } from '../e2e/built-command.ts';
import { Lab, type PeerProcess, poll, type Site } from '../e2e/lab.ts';

let lab: Lab;
let publisher: PeerProcess;
let work: string;
beforeEach(async () => {
  lab = await Lab.open();
  work = join(lab.folder, 'publisher-files');
  mkdirSync(work);
});
afterEach(async () => await lab[Symbol.asyncDispose]());

/** Peers of which only the publisher is this user's own: the others hold its commands. */
class StrangersLab extends Lab {
  static override async open(): Promise<StrangersLab> {
    return new StrangersLab(await mkdtemp(join(tmpdir(), 'meshd-lab-')));
  }

  override site(name: string): Site {
    const site = super.site(name);
    if (name === 'publisher') return site;
    return { ...site, env: { ...site.env, XDG_STATE_HOME: join(this.folder, 'another-user') } };
  }
}

/** A publisher without slots and workers that have none of its files. */
async function mesh(...workers: string[]): Promise<PeerProcess[]> {
  publisher = await lab.start('publisher', '--slots', '0');
  const joined = await Promise.all(workers.map((name) => lab.join(name, [publisher])));
  await lab.sees('publisher', 1 + workers.length);
  return joined;
}

function put(name: string, text: string): void {
  const path = join(work, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

const get = (name: string): string => readFileSync(join(work, name), 'utf8');

/** `meshd run` in the publisher's folder. */
function run(...args: string[]): Promise<Ended> {
  return startBuilt(['run', ...args], { home: lab.home('publisher'), cwd: work }).ended;
}

/** What one line on stderr says of how many ran. */
function told({ stderr }: Ended): string {
  return stderr.split('\n')[0]?.replace(/, [\d.]+ s$/, '') ?? '';
}

const UPPER = 'tr a-z A-Z < {} > {.}.up; pwd';

test('a job log names the machine where a command ran, and `:` for this one', async () => {
  publisher = await lab.start('publisher', '--slots', '1');
  await lab.join('worker', [publisher], '--slots', '1');
  await lab.sees('publisher', 2);
  const args = ['--transfer', '--joblog', 'log', '--', 'pwd; sleep 0.5', ':::', '1', '2', '3', '4'];
  const { stdout } = await run(...args);
  const ranOn = stdout.trimEnd().split('\n');
  const hosts = ranOn.map((path) => (path.startsWith(lab.home('worker')) ? 'worker' : ':'));
  expect(new Set(hosts)).toEqual(new Set(['worker', ':']));
  const logged = get('log').trimEnd().split('\n').slice(1);
  const fields = logged.map((line) => line.split('\t'));
  fields.sort((a, b) => Number(a[0]) - Number(b[0]));
  expect(fields.map(([, host]) => host)).toEqual(hosts);
  // And when it is known from before.
  await run('--transfer', '--joblog', 'again', ...args.slice(3));
  expect(get('again')).toContain('\tworker\t');
});

test('blocks of stdin go to other machines, which run in the folder of the same name', async () => {
  await mesh('a', 'b');
  const lines = Array.from({ length: 200_000 }, (_, k) => `${(k * 7919) % 200_003}\n`).join('');
  const home = lab.home('publisher');
  const piped = (...args: string[]): Promise<Ended> =>
    startBuilt(['run', '--pipe', '--block', '300k', ...args], { home, cwd: work, stdin: lines })
      .ended;
  const sorted = await piped('sort -n > part.{#}; pwd');
  expect(new Set(sorted.stdout.trimEnd().split('\n'))).toEqual(new Set([work]));
  expect(told(sorted)).toBe('5 commands');
  const merged = execFileSync('sh', ['-c', 'sort -nm part.*'], {
    ...{ cwd: work, maxBuffer: 2 ** 24 },
    encoding: 'utf8',
  });
  const numbers = lines.trimEnd().split('\n').map(Number);
  expect(merged.trimEnd().split('\n').map(Number)).toEqual(numbers.sort((a, b) => a - b));
  const again = await piped('sort -n > part.{#}; pwd');
  expect(told(again)).toBe('5 commands, all known before');
  // Outputs of any length come back.
  expect((await piped('cat')).stdout).toBe(lines);
});

describe('files across machines', () => {
  test('go to who runs the command, and its outputs come back as from a serial run', async () => {
    await mesh('a', 'b');
    const names = [
      "it's.txt",
      '-n.txt',
      'größe ü.txt',
      'two\nlines.txt',
      'sub/deep/x.txt',
      'run.sh',
    ];
    for (const name of names) put(name, `text of ${name}\n`);
    chmodSync(join(work, 'run.sh'), 0o755);
    symlinkSync('run.sh', join(work, 'link.txt'));
    const all = [...names, 'link.txt'];
    const ended = await run(
      '-0',
      '--trc',
      '{}.up',
      '--',
      'cp -- {} {}.up; tr a-z A-Z < {} >> {}.up',
      ':::',
      ...all,
    );
    expect(ended.stderr).toMatch(/^7 commands, [\d.]+ s\n$/);
    for (const name of all) {
      const input = get(name);
      expect(get(`${name}.up`)).toBe(input + input.replace(/[a-z]/g, (c) => c.toUpperCase()));
    }
    expect(statSync(join(work, 'run.sh.up')).mode & 0o777).toBe(0o755);
    // Nothing is left in the folders of those that ran them, and of their caches.
    for (const worker of ['a', 'b']) {
      await poll(`${worker} is tidy`, async () => {
        const left = readdirSync(join(lab.home(worker), 'files')).filter((f) =>
          f.endsWith('.data'),
        );
        const commands = join(lab.home(worker), 'work/commands');
        const folders = existsSync(commands) ? readdirSync(commands, { recursive: true }) : [];
        return left.length === 0 && folders.every((name) => !String(name).includes('/'));
      });
    }
  });

  test('are found by absolute names, by names above, and behind /./', async () => {
    await mesh('a');
    put('above/x.txt', 'x');
    put('here/y.txt', 'y');
    const absolute = join(work, 'above/x.txt');
    const place = { home: lab.home('publisher'), cwd: join(work, 'here') };
    const line = ['--trc', '{.}.out', '--', 'cat {} {} > {.}.out', ':::'];
    const one = await startBuilt(['run', ...line, absolute], place).ended;
    expect([one.code, get('above/x.out')]).toEqual([0, 'xx']);
    rmSync(join(work, 'above/x.out'));
    const two = await startBuilt(['run', ...line, '../above/x.txt'], place).ended;
    expect([two.code, get('above/x.out')]).toEqual([0, 'xx']);
    const three = await run(
      '--transfer',
      '--return',
      'out/./{/.}.*',
      '--',
      'cat {} > {/.}.1; cp {/.}.1 {/.}.2',
      ':::',
      'here/./y.txt',
    );
    expect([three.code, get('out/y.1'), get('out/y.2')]).toEqual([0, 'y', 'y']);
  });

  test('run again only where an output is gone or is another one', async () => {
    await mesh('a');
    for (let k = 0; k < 8; k++) put(`${k}.txt`, `text ${k}\n`);
    const args = [
      '--trc',
      '{.}.up',
      '--',
      UPPER,
      ':::',
      ...Array.from({ length: 8 }, (_, k) => `${k}.txt`),
    ];
    expect(told(await run(...args))).toBe('8 commands');
    expect(told(await run(...args))).toBe('8 commands, all known before');
    for (const k of [1, 3]) rmSync(join(work, `${k}.up`));
    put('6.up', 'changed');
    expect(told(await run(...args))).toBe('8 commands, 5 known before');
    expect([1, 3, 6].map((k) => get(`${k}.up`))).toEqual(['TEXT 1\n', 'TEXT 3\n', 'TEXT 6\n']);
    put('2.txt', 'other\n');
    expect(told(await run(...args))).toBe('8 commands, 7 known before');
    expect(get('2.up')).toBe('OTHER\n');
  });

  test('and declared outputs count without --transfer, too', async () => {
    await mesh('a');
    const args = [
      '--return',
      'made-{}',
      '--',
      'sh ./make.sh {}; echo {}',
      ':::',
      '1',
      '2',
      '3',
      '4',
    ];
    put('make.sh', 'echo $1 > made-$1\n');
    expect(told(await run(...args))).toBe('4 commands');
    expect(told(await run(...args))).toBe('4 commands, all known before');
    for (const k of [1, 2, 4]) rmSync(join(work, `made-${k}`));
    expect(told(await run(...args))).toBe('4 commands, 1 known before');
    expect([1, 2, 4].map((k) => get(`made-${k}`))).toEqual(['1\n', '2\n', '4\n']);
  });

  test('come back although the publisher was killed before, from who made them', async () => {
    await mesh('a');
    put('x.txt', 'x');
    const job = await run(
      '--detach',
      '--trc',
      '{.}.up',
      '--',
      'sleep 1; cp {} {.}.up',
      ':::',
      'x.txt',
    );
    expect(job.code).toBe(0);
    const keeps = (ending: string): boolean =>
      readdirSync(join(lab.home('a'), 'files')).some((name) => name.endsWith(ending));
    await poll('a has the input', async () => keeps('.data'));
    await publisher.kill();
    await poll('a has made it', async () => keeps('.made'));
    await lab.restart('publisher', '--slots', '0');
    await poll('the output is here', async () => existsSync(join(work, 'x.up')));
    expect(get('x.up')).toBe('x');
  });
});

test('a hundred images and a real converter: equal to a serial run, with a worker killed', async () => {
  const [a] = await mesh('a', 'b');
  const names = Array.from({ length: 100 }, (_, k) => `image-${k}.ppm`);
  for (const [k, name] of names.entries()) {
    put(name, `P3 8 8 255\n${Array.from({ length: 192 }, (_, p) => (p * k) % 256).join(' ')}\n`);
  }
  const command = 'gzip -9n < {} > {.}.gz; sleep 0.02';
  const running = run('--trc', '{.}.gz', '--', command, ':::', ...names);
  await poll('some are here', async () => existsSync(join(work, 'image-10.gz')));
  await a?.kill();
  const ended = await running;
  // Those that the killed worker made and nobody had fetched yet are lost, and said to be.
  if (ended.code !== 0) {
    expect(ended.stderr).toMatch(/is lost: a, which made it, is gone|value lost/);
    expect((await run('--trc', '{.}.gz', '--', command, ':::', ...names)).code).toBe(0);
  }
  for (const name of names) {
    const serial = execFileSync('gzip', ['-9n'], { input: readFileSync(join(work, name)) });
    expect(Buffer.compare(readFileSync(join(work, name.replace('.ppm', '.gz'))), serial)).toBe(0);
  }
});

test('the commands of others are held, and their files come and go all the same', async () => {
  await lab[Symbol.asyncDispose]();
  lab = await StrangersLab.open();
  work = join(lab.folder, 'publisher-files');
  mkdirSync(work);
  await mesh('a');
  const { sandbox } = await lab.status('a');
  if (sandbox.othersCommands !== 'bwrap') {
    console.log(`not tested, for there is no bwrap here: ${sandbox.notes.join('; ')}`);
    return;
  }
  put('x.txt', 'x\n');
  const home = lab.home('a');
  const look = `for f in ${home}/files ${home}/identity ${work}; do test -e $f && echo sees $f; done`;
  const line = ['--transfer', '--return', '{.}.up', '--', `${look}; cp {} {.}.up; seq 100000`];
  const { code, stdout } = await run(...line, ':::', 'x.txt');
  expect([code, stdout.split('\n').length, get('x.up')]).toEqual([0, 100_001, 'x\n']);
  expect(stdout).not.toContain('sees');
});

test('who has the inputs of a command already runs it, as long as there are such for all', async () => {
  publisher = await lab.start('publisher', '--slots', '0');
  const names = Array.from({ length: 40 }, (_, k) => `${k}.txt`);
  for (const name of names) put(name, name);
  const halves = [names.slice(0, 20), names.slice(20)];
  for (const [k, name] of ['a', 'b'].entries()) {
    const worker = await lab.join(name, [publisher]);
    expect((await run('--transfer', '--', 'cat', ':::', ...(halves[k] ?? []))).code).toBe(0);
    await worker.kill();
  }
  await Promise.all([lab.restart('a'), lab.restart('b')]);
  await poll('both are back', async () => {
    const rows = await lab.peers('publisher');
    return rows.filter(({ state }) => state === 'alive').length === 3;
  });
  // Each half takes two seconds: commands are left to who has their inputs for eight.
  const { code, stdout } = await run('--transfer', '--', 'cat {}; sleep 0.1; pwd', ':::', ...names);
  expect(code).toBe(0);
  const places = stdout.trimEnd().split('\n');
  const ranOn = (name: string, from: number): number =>
    places.slice(from, from + 20).filter((place) => place.includes(lab.home(name))).length;
  // By chance 20; the first ones are claimed before it is known who has what.
  expect(ranOn('a', 0) + ranOn('b', 20)).toBeGreaterThanOrEqual(30);
});

test('who has none of the inputs leaves a short job to who has them', async () => {
  publisher = await lab.start('publisher', '--slots', '0');
  await lab.join('holder', [publisher], '--slots', '2');
  await lab.sees('publisher', 2);
  const names = Array.from({ length: 6 }, (_, k) => `${k}.txt`);
  for (const name of names) put(name, `${name} ${'x'.repeat(2_000_000)}`);
  const job = (word: string): Promise<Ended> =>
    run('--transfer', '--', `echo ${word}; wc -c < {}`, ':::', ...names);
  expect((await job('first')).code).toBe(0);
  await lab.join('newcomer', [publisher], '--slots', '2');
  await lab.sees('publisher', 3);
  await poll('it can ask the holder', async () => {
    const rows = await lab.peers('newcomer');
    return rows.some(({ name, via }) => name === 'holder' && via === 'direct');
  });
  const has = (name: string): number =>
    readdirSync(join(lab.home(name), 'files')).filter((one) => one.endsWith('.file')).length;
  expect([has('holder'), has('newcomer')]).toEqual([6, 0]);
  // It takes two times two heartbeats; the newcomer waits for eight.
  expect((await job('second')).code).toBe(0);
  expect(has('newcomer')).toBe(0);
});
