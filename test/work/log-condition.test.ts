import { expect, test } from 'vitest';
import { faultOf, logCondition } from '../../src/work/log-condition.ts';

const FACTS = {
  value: { rate: 4, list: [1, 2] },
  ms: 12.5,
  index: 7,
  outcome: 'accepted',
} as const;

test.each([
  ['value.rate > 3', true],
  ['ms > 100 || index === 8', false],
  ["outcome === 'accepted' && value.list.length === 2", true],
  ['/^acc/.test(outcome)', true],
  ['value.list.map((x) => x * x).includes(4)', true],
  ['0', false],
])('%s is %s', (expression, kept) => {
  expect(faultOf(expression.replaceAll('value.', 'value?.'))).toBeNull();
  expect(logCondition(expression)(FACTS)).toBe(kept);
});

test('what an expression changes is nothing to anybody else, nor to itself the next time', () => {
  const deed = `(globalThis.Math.random = () => 0.25, Array.prototype.push = null,
    globalThis.count = (globalThis.count ?? 0) + 1, value.rate = 9, globalThis.count === 1)`;
  const { random } = Math;
  const condition = logCondition(deed);
  expect([condition(FACTS), condition(FACTS)]).toEqual([true, true]);
  expect(Math.random).toBe(random);
  expect([...[1].slice(), FACTS.value.rate, 'count' in globalThis]).toEqual([1, 4, false]);
  const list: number[] = [];
  list.push(1);
  expect(list).toEqual([1]);
});

test.each([
  'process.exit(3)',
  "this.constructor.constructor('return process')().exit(3)",
  "facts.constructor.constructor('return process')().exit(3)",
  "(() => {}).constructor('return process')().exit(3)",
  "new Error().constructor.constructor('return process')().exit(3)",
])('%s reaches nothing of the executor', (expression) => {
  expect(() => logCondition(expression)(FACTS)).toThrow();
});

test.each([
  ['(() => { for (;;); })()', 'it takes longer than 1 s'],
  ['({ toString: () => { for (;;); } }).x.y', null],
  ['Promise.reject(1)', 'it is no expression (Promise has no place in it)'],
  ['(async () => { throw 1; })()', 'it is no expression (async has no place in it)'],
  ["import('node:fs')", 'it is no expression (import has no place in it)'],
  ['rate > 3', 'rate is not defined; it may use value, ms, index and outcome'],
  ['true); globalThis.x = 1; (true', expect.stringMatching(/^it is no expression/)],
])('%s: %s', (expression, fault) => {
  expect(faultOf(expression)).toEqual(fault);
});

test('one that throws for ever while it is told about ends all the same', () => {
  const endless = '(() => { throw { toString() { for (;;); } }; })()';
  expect(() => logCondition(endless, 100)(FACTS)).toThrow(/timed out/);
});

test('one that is slow for a busy machine is waited for', () => {
  const slow = `(() => { const t = Date.now(); while (Date.now() - t < 300); return false; })()`;
  expect(logCondition(slow)(FACTS)).toBe(false);
});

test('one that never ends takes three of its limits of an executor and no more', () => {
  const condition = logCondition('(() => { for (;;); })()', 100);
  const start = performance.now();
  for (let k = 0; k < 100; k += 1) expect(() => condition(FACTS)).toThrow(/timed out/);
  // A hundred of its limits would be ten.
  expect(performance.now() - start).toBeLessThan(3000);
});
