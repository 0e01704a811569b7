import { describe, expect, test } from 'vitest';
import {
  CANDIDATE_BYTES,
  CANDIDATE_LINES,
  createLog,
  type LogTeller,
} from '../../src/work/candidate/log-lines.ts';
import { inputsOf, openBench } from './work-bench.ts';

/** A log with a clock and a candidate that the test sets. */
function logUnderTest() {
  const told: string[] = [];
  const at = { index: 0, ms: 0, takes: true };
  const tell: LogTeller = {
    ready: () => at.takes,
    line(index, level, text) {
      told.push(`${index} ${level} ${text}`);
    },
    dropped: (index, lines) => told.push(`${index} dropped ${lines}`),
  };
  const log = createLog({ tell, index: () => at.index, now: () => at.ms });
  return { at, told, log };
}

describe('the log of an executor', () => {
  test('joins its values, and cuts a long text within its bytes', () => {
    const { told, log } = logUnderTest();
    log.at('info')('line', 3, { a: [1] }, undefined, 12n);
    log.at('error')('é'.repeat(5000));
    expect(told[0]).toBe('0 info line 3 {"a":[1]} undefined 12');
    expect(told[1]).toMatch(/^0 error é+ …$/);
    expect(Buffer.byteLength(told[1] ?? '')).toBeLessThanOrEqual(2048 + '0 error '.length);
  });

  test('survives values that cannot be read', () => {
    const { told, log } = logUnderTest();
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const trap = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
      },
    );
    log.at('info')(cycle);
    log.at('info')(trap);
    expect(told).toEqual(['0 info ', '0 info a value without a text']);
  });

  test('gives a candidate its lines, and says how many more there were', () => {
    const { at, told, log } = logUnderTest();
    at.index = 5;
    for (let k = 0; k < CANDIDATE_LINES + 7; k += 1) log.at('info')(k);
    log.flush();
    expect(told).toHaveLength(CANDIDATE_LINES + 1);
    expect(told.at(-1)).toBe('5 dropped 7');
  });

  test('gives a candidate its bytes', () => {
    const { told, log } = logUnderTest();
    for (let k = 0; k < 100; k += 1) log.at('info')('x'.repeat(2000));
    log.flush();
    expect(told).toHaveLength(Math.ceil(CANDIDATE_BYTES / 2000) + 1);
    expect(told.at(-1)).toBe(`0 dropped ${100 - Math.ceil(CANDIDATE_BYTES / 2000)}`);
  });

  test('gives all candidates together a thousand lines and then a hundred a second', () => {
    const { at, told, log } = logUnderTest();
    for (at.index = 0; at.index < 2000; at.index += 1) log.at('info')('x');
    log.flush();
    expect(told).toHaveLength(1001);
    expect(told.at(-1)).toBe('1000 dropped 1000');
    at.ms = 500;
    for (; at.index < 3000; at.index += 1) log.at('info')('x');
    expect(told).toHaveLength(1051);
  });

  test('drops what is not taken, and goes on when it is again', () => {
    const { at, told, log } = logUnderTest();
    at.takes = false;
    log.at('info')('one');
    log.at('info')('two');
    at.takes = true;
    log.at('warn')('three');
    expect(told).toEqual(['0 dropped 2', '0 warn three']);
  });
});

describe('what an executor’s candidates log', () => {
  test('has the levels of the console', async () => {
    await using bench = await openBench();
    const source = `export default ({ log }) => {
      log('l'); for (const k of ['debug', 'trace', 'log', 'info', 'warn', 'error']) console[k](k);
    };`;
    await bench.execute({ lo: 4, hi: 5 }, inputsOf(source)).ended;
    expect(bench.logged.map(({ level, text }) => `${level} ${text}`)).toEqual([
      ...['info l', 'debug debug', 'debug trace', 'info log'],
      ...['info info', 'warn warn', 'error error'],
    ]);
  });

  test('is there in a long burst before a death but for its last lines', async () => {
    await using bench = await openBench();
    const source = `export default ({ log }) => {
      for (let k = 0; k < 499; k += 1) log('line', k);
      process.kill(process.pid, 'SIGKILL');
      for (;;);
    };`;
    const { failed, ended } = bench.execute({ lo: 4, hi: 5 }, inputsOf(source));
    await ended;
    expect(failed).toMatchObject([{ index: 4, failure: { kind: 'died' } }]);
    // Of a long burst the last lines, fewer than 20, may not have gone out.
    expect(bench.logged.length).toBeGreaterThanOrEqual(480);
    expect(bench.logged.map(({ text }) => text)).toEqual(
      Array.from({ length: bench.logged.length }, (_, k) => `line ${k}`),
    );
  });

  test('is there to its last line before a death', async () => {
    await using bench = await openBench();
    const source = `export default ({ log }) => {
      for (let k = 0; k < 100; k += 1) log('line', k);
      for (;;);
    };`;
    const limits = { timeoutMs: 200, memoryBytes: null };
    const { failed, ended } = bench.execute({ lo: 4, hi: 5, limits }, inputsOf(source));
    await ended;
    expect(failed).toMatchObject([{ index: 4, failure: { kind: 'timeout' } }]);
    expect(bench.logged.map(({ text }) => text)).toEqual(
      Array.from({ length: 100 }, (_, k) => `line ${k}`),
    );
  });

  test('is cut where it has no end, and the candidate comes to its outcome', async () => {
    await using bench = await openBench();
    const source = `export default ({ log }) => {
      for (let k = 0; k < 1e6; k += 1) log('x'.repeat(1000));
      return 1;
    };`;
    const { parts, ended } = bench.execute({ lo: 0, hi: 1 }, inputsOf(source));
    expect(await ended).toBe('finished');
    expect(parts).toHaveLength(1);
    expect(bench.logged).toHaveLength(66);
    expect(bench.events.at(-1)).toBe(`0: ${1e6 - 66} dropped`);
  });
});
