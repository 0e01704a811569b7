import { describe, expect, test } from 'vitest';
import {
  CANDIDATE_BYTES,
  CANDIDATE_LINES,
  createLog,
  type LogTeller,
} from '../../src/work/candidate/log-lines.ts';
import { faultOf } from '../../src/work/log-condition.ts';
import { inputsOf, openBench, textsOf } from './work-bench.ts';

/** A log with a clock and a candidate that the test sets. */
function logUnderTest() {
  const told: string[] = [];
  const at = { index: 0, ms: 0, takes: true };
  const tell: LogTeller = {
    ready: () => at.takes,
    line({ index, level, text }) {
      told.push(`${index} ${level} ${text}`);
    },
    settled: (isKept) => told.push(isKept ? 'kept' : 'not kept'),
    dropped: (index, lines) => told.push(`${index} dropped ${lines}`),
  };
  const log = createLog({ tell, index: () => at.index, now: () => at.ms, wallClock: () => 7 });
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

  test('holds a candidate’s lines until they are settled', () => {
    const { at, told, log } = logUnderTest();
    log.hold('here');
    log.at('info')('one');
    log.at('warn')('two');
    expect([told, log.holds()]).toEqual([[], true]);
    log.settle(true);
    expect([told, log.holds()]).toEqual([['0 info one', '0 warn two'], false]);
    at.index = 1;
    log.at('info')('three');
    log.settle(false);
    log.flush();
    expect(told).toHaveLength(2);
    log.hold('there');
    log.at('info')('four');
    log.settle(false);
    expect(told.slice(2)).toEqual(['1 info four', 'not kept']);
  });

  test('does not charge lines that are not kept: a rare one among millions has room', () => {
    const { at, told, log } = logUnderTest();
    log.hold('here');
    for (at.index = 0; at.index < 100_000; at.index += 1) {
      log.at('info')('x');
      log.settle(at.index === 99_999);
    }
    expect(told).toEqual(['99999 info x']);
  });

  test('says of a candidate that is kept how many lines it had too many, and of others not', () => {
    const { at, told, log } = logUnderTest();
    log.hold('here');
    for (const isKept of [false, true]) {
      at.index += 1;
      for (let k = 0; k < CANDIDATE_LINES + 3; k += 1) log.at('debug')('');
      log.settle(isKept);
    }
    log.flush();
    expect(told).toHaveLength(CANDIDATE_LINES + 1);
    expect(told.at(-1)).toBe('2 dropped 3');
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

  test('has errors with the frames of the user’s own code', async () => {
    await using bench = await openBench();
    const source = `function inner() { return new RangeError('far'); }
      export default ({ log }) => { log('got', inner()); };`;
    await bench.execute({}, inputsOf(source)).ended;
    expect(bench.logged.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^got RangeError: far\n {4}at inner \(.*\n {4}at default \(.*\)$/),
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

describe('a condition', () => {
  const evaluate = `export default ({ index, log, rng }) => {
    log('at', index);
    if (index === 3) throw new Error('three');
    return index % 2 === 0 ? { x: index, u: rng.uniform() } : undefined;
  };`;

  async function logged(logIf: string, source = evaluate, more = {}) {
    await using bench = await openBench();
    const inputs = inputsOf(source);
    const { parts, failed, ended } = bench.execute({ lo: 0, hi: 20, logIf, ...more }, inputs);
    await ended;
    const thrown = parts.flatMap(({ errors }) => errors.map(({ index, name }) => [index, name]));
    return {
      texts: [...new Set(bench.logged.map(({ text }) => text))],
      notices: bench.events.filter((event) => event.startsWith('notice')),
      outcomes: [textsOf(parts), thrown, failed] as const,
    };
  }

  const unconditional = logged('true').then(({ outcomes }) => outcomes);

  test.each([
    ['value.x > 15', ['at 16', 'at 18']],
    ["outcome === 'error'", ['at 3']],
    ["outcome === 'rejected' && index > 16", ['at 17', 'at 19']],
    ['index === 4 || ms > 1e9', ['at 4']],
  ])('keeps what it says: %s', async (logIf, expected) => {
    const safe = logIf.startsWith('value') ? `outcome === 'accepted' && ${logIf}` : logIf;
    const { texts, notices, outcomes } = await logged(safe);
    expect(texts.toSorted()).toEqual(expected.toSorted());
    expect(notices).toEqual([]);
    expect(outcomes).toEqual(await unconditional);
  });

  test('keeps the log where it throws, and says so once', async () => {
    const { texts, notices, outcomes } = await logged('value.x > 15');
    const odd = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19];
    expect(texts).toEqual(expect.arrayContaining(odd.map((index) => `at ${index}`)));
    expect(texts).not.toContain('at 4');
    expect(new Set(notices)).toEqual(
      new Set([
        "notice --log-if threw TypeError: Cannot read properties of undefined (reading 'x'): " +
          'the log is kept',
      ]),
    );
    expect(outcomes).toEqual(await unconditional);
  });

  // Nobody can publish one with meshd, but a member may have another program.
  test.each([
    ['index===3 && "x".repeat(2e8).split("")', 'split() is not allowed at character 14'],
    ['Array(2e8).fill(0)', 'fill() is not allowed at character 1'],
    ['value && (value.x = 99, value.u = 0, false)', 'unexpected "=" at character 19'],
    ['index >= 0 && (() => { for (;;); })()', 'unexpected ")" at character 17'],
    [') syntax', 'unexpected ")" at character 1'],
  ])('that is none of ours keeps all logs and changes no outcome: %s', async (logIf, fault) => {
    expect(faultOf(logIf)).toContain(fault);
    const { texts, notices, outcomes } = await logged(logIf);
    expect(outcomes).toEqual(await unconditional);
    expect(texts).toHaveLength(20);
    expect(new Set(notices)).toEqual(new Set([`notice --log-if threw ${fault}: the log is kept`]));
  });

  test('at its worst is no candidate’s time and memory, and changes no outcome', async () => {
    const source = `export default ({ index, log }) => {
      log('at', index);
      return { s: 'a'.repeat(1_000_000 + index), list: Array(5000).fill(index) };
    };`;
    const limits = { timeoutMs: 2000, memoryBytes: 700 * 2 ** 20 };
    const worst = [
      `${'value.s + '.repeat(100)}''`,
      `value.s.includes('${'a'.repeat(900)}b') || value.list.includes(-1)`,
    ];
    const most = { limits, hi: 3 };
    const { outcomes } = await logged('true', source, most);
    expect(outcomes[2]).toEqual([]);
    for (const logIf of worst) {
      expect(faultOf(logIf)).toBeNull();
      expect((await logged(logIf, source, most)).outcomes).toEqual(outcomes);
    }
  });

  test('means what it says whatever user code did to arrays, texts, objects and JSON', async () => {
    const source = `
      const no = () => { throw new Error('changed'); };
      export default ({ index, log }) => {
        log('at', index);
        for (const name of ['x', 'y']) {
          Object.defineProperty(Object.prototype, name, { set: no, configurable: true });
        }
        Array.prototype.includes = Array.prototype.map = no;
        Math.abs = Object.hasOwn = JSON.parse = no;
        return { __proto__: null, z: index, get when() { return index * 2; } };
      };`;
    const logIf =
      'Math.abs(Math.max(value.z, -1)) > 16 && Number.isFinite(value.when) && !value.x && ' +
      "[1, 2].includes(2) && 'z' in value && outcome.startsWith('acc') && !Array.isArray(value)";
    const told = await logged(logIf, source);
    expect(told.notices).toEqual([]);
    expect(told.texts.toSorted()).toEqual(['at 17', 'at 18', 'at 19']);
  });

  test('reads the value as it was encoded, and calls nothing of it', async () => {
    const source = `
      let reads = 0;
      export default ({ index, log }) => {
        log('at', index);
        const target = { n: index, list: ['a'] };
        const count = { get(from, key) { reads += 1; return Reflect.get(from, key); } };
        return { reads, inner: new Proxy(target, count), toJSON: undefined };
      };`;
    const plain = await logged('true', source);
    const { texts, outcomes } = await logged(
      "value.inner.n > 18 && value.inner.list[0] === 'a'",
      source,
    );
    expect(texts).toEqual(['at 19']);
    expect(outcomes).toEqual(plain.outcomes);
  });

  test('keeps the log of a candidate that dies: it has no outcome to ask about', async () => {
    const source = `export default ({ index, log }) => {
      log('at', index);
      if (index === 2) process.kill(process.pid, 'SIGKILL');
      if (index === 2) for (;;);
    };`;
    expect((await logged('false', source, { hi: 4 })).texts).toEqual(['at 2']);
  });

  test('is asked of candidates that take their time, too, with the time', async () => {
    const source = `export default async ({ index, log }) => {
      log('at', index);
      await new Promise((resolve) => setTimeout(resolve, index === 2 ? 120 : 1));
      return { n: index };
    };`;
    const { texts } = await logged('ms > 100 && value.n === 2', source, { hi: 5 });
    expect(texts).toEqual(['at 2']);
  });
});
