import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { JobLogWriter, type LoggedJob, readJobLog } from '../../../src/cli/parallel/job-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-joblog-'));
let path = '';
beforeEach(() => {
  path = join(mkdtempSync(join(folder, 'log-')), 'log');
});
afterAll(() => rmSync(folder, { recursive: true }));

const HEADER = 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n';

/** A file that GNU parallel 20221122 wrote, byte by byte. */
const RECORDED =
  HEADER +
  '1\t:\t1795894219.163\t     0.004\t0\t1\t0\t0\tprintf 0; exit 0\n' +
  '2\t:\t1795894219.173\t     0.003\t0\t1\t3\t0\tprintf 3; exit 3\n' +
  "1\t:\t1795894219.277\t     0.253\t0\t0\t0\t9\tsleep 0.25; kill -9 $$ #'a\tb'\n" +
  `1\t:\t1795894219.655\t     0.000\t0\t7\t0\t0\techo 'n\0l'"'"'é'\n` +
  '1\t:\t1795894219.748\t     1.323\t0\t0\t-1\t15\tsleep 3\n';

const job: LoggedJob = {
  ...{ seq: 1, host: ':', startedAtMs: 1_795_894_219_163, runtimeMs: 4.9 },
  ...{ sentBytes: 0, receivedBytes: 1, exit: 0, signal: 0, command: 'printf 0; exit 0' },
};

/** The jobs of RECORDED. */
const JOBS: readonly LoggedJob[] = [
  job,
  {
    ...{ ...job, seq: 2, startedAtMs: 1_795_894_219_173, runtimeMs: 3 },
    ...{ exit: 3, command: 'printf 3; exit 3' },
  },
  {
    ...{ ...job, startedAtMs: 1_795_894_219_277, runtimeMs: 253.999, receivedBytes: 0 },
    ...{ signal: 9, command: "sleep 0.25; kill -9 $$ #'a\tb'" },
  },
  {
    ...{ ...job, startedAtMs: 1_795_894_219_655, runtimeMs: 0.2, receivedBytes: 7 },
    ...{ command: `echo 'n\nl'"'"'é'` },
  },
  {
    ...{ ...job, startedAtMs: 1_795_894_219_748, runtimeMs: 1323, receivedBytes: 0 },
    ...{ exit: -1, signal: 15, command: 'sleep 3' },
  },
];

function write(jobs: readonly LoggedJob[], append = false): string {
  const log = new JobLogWriter(path, { append });
  for (const one of jobs) log.write(one);
  log.close();
  return readFileSync(path, 'utf8');
}

describe('the writer', () => {
  test('writes the bytes that GNU parallel writes', () => {
    expect(write(JOBS)).toBe(RECORDED);
  });

  test('has each line in the file before the next job', () => {
    const log = new JobLogWriter(path, { append: false });
    expect(readFileSync(path, 'utf8')).toBe(HEADER);
    log.write(job);
    expect(readFileSync(path, 'utf8')).toBe(RECORDED.slice(0, RECORDED.indexOf('2\t:')));
    log.close();
    log.close();
  });

  test('keeps earlier lines with append, and only then', () => {
    write(JOBS.slice(0, 2));
    expect(write(JOBS.slice(2), true)).toBe(RECORDED);
    expect(write([])).toBe(HEADER);
  });

  test('begins a line of its own behind one that was cut off', () => {
    writeFileSync(path, `${HEADER}1\t:\t17`);
    expect(write([job], true).split('\n')).toHaveLength(4);
  });

  test('keeps the columns of a host whose name has spaces, and of none', () => {
    const text = write([
      { ...job, host: 'my\tfast host' },
      { ...job, host: '' },
    ]);
    expect(text.split('\n').map((line) => line.split('\t')[1])).toEqual([
      ...['Host', 'my_fast_host', ':', undefined],
    ]);
  });

  test('tells of a file that it cannot write before any job runs', () => {
    expect(() => new JobLogWriter(folder, { append: true })).toThrow(
      /^--joblog \S+: it cannot be written \(EISDIR/,
    );
    expect(() => new JobLogWriter(join(path, 'x'), { append: false })).toThrow(
      /^--joblog \S+: it cannot be written \(ENOENT/,
    );
    expect(() => new JobLogWriter('-', { append: false })).toThrow('--joblog -: ');
  });
});

describe('the reader', () => {
  test('reads a log of GNU parallel; the last line of a job counts', () => {
    writeFileSync(path, RECORDED);
    expect([...readJobLog(path)]).toEqual([
      [1, { exit: -1, signal: 15, command: 'sleep 3' }],
      [2, { exit: 3, signal: 0, command: 'printf 3; exit 3' }],
    ]);
  });

  test('gives commands back whole, with tabs and line breaks', () => {
    const command = '\tcat <<X\na\tb\n\nX\n';
    write([{ ...job, command }]);
    expect(readJobLog(path).get(1)?.command).toBe(command);
  });

  test('reads a file of many pieces', () => {
    const command = 'é'.repeat(3000);
    write(Array.from({ length: 1000 }, (_, k) => ({ ...job, seq: k + 1, command })));
    const jobs = readJobLog(path);
    expect(jobs.size).toBe(1000);
    expect([...jobs.values()].every((one) => one.command === command)).toBe(true);
  });

  test('finds nothing in a file that is not there, or has no lines', () => {
    expect(readJobLog(path).size).toBe(0);
    writeFileSync(path, '');
    expect(readJobLog(path).size).toBe(0);
  });

  test('reads lines without a header, and a last one without an end', () => {
    writeFileSync(path, RECORDED.slice(HEADER.length, -1));
    expect(readJobLog(path).get(1)?.command).toBe('sleep 3');
    expect(readJobLog(path).get(2)?.exit).toBe(3);
  });

  test.each([
    ['garbage', 'garbage'],
    ['an empty line', ''],
    ['a line that was cut off', '1\t:\t1795894219.163\t     0.004\t0\t1\t0'],
    ['a job without a number', '0\t:\t1795894219.163\t     0.004\t0\t1\t0\t0\ttrue'],
    ['an exit value that is none', '1\t:\t1795894219.163\t     0.004\t0\t1\tx\t0\ttrue'],
  ])('tells the number of a line that is %s', (_, line) => {
    writeFileSync(path, `${RECORDED}${line}\n`);
    appendFileSync(path, 'more garbage\n');
    expect(() => readJobLog(path)).toThrow(`--joblog ${path}: line 7 is none of a job log: "`);
  });

  test('finds nothing in a device, which may have no end', () => {
    expect(readJobLog('/dev/null').size).toBe(0);
    if (process.platform === 'linux') expect(readJobLog('/dev/full').size).toBe(0);
  });

  test('tells of a folder', () => {
    expect(() => readJobLog(folder)).toThrow(/^--joblog \S+: it cannot be read \(EISDIR/);
  });
});
