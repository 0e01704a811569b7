import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { createCondition } from '../../src/work/candidate/condition.ts';
import { conditionText, faultOf } from '../../src/work/log-condition.ts';

const VALUE = {
  rate: 4,
  list: [1, 'a', null, Number.MAX_SAFE_INTEGER],
  name: 'accepted by a',
  deep: { x: -0.5, list: [] },
  no: null,
  yes: true,
  '': '7',
};
const FACTS = { value: () => VALUE, ms: 12.5, index: 7, outcome: 'accepted' } as const;

function isKept(expression: string, facts: Parameters<ReturnType<typeof createCondition>>[0]) {
  return createCondition(JSON.parse(conditionText(expression)))(facts);
}

/** What JavaScript itself makes of it: a text that says so. */
function meant(expression: string): string {
  const names = ['value', 'ms', 'index', 'outcome'];
  try {
    const evaluate = new Function(...names, `'use strict'; return (${expression}\n);`);
    const result: unknown = evaluate(VALUE, FACTS.ms, FACTS.index, FACTS.outcome);
    if (typeof result === 'object' && result !== null)
      return `Array.isArray(E) === ${Array.isArray(result)}`;
    if (Number.isNaN(result)) return 'Number.isNaN(E)';
    return `(E) === ${result === undefined ? 'undefined' : typeof result === 'number' ? number(result) : JSON.stringify(result)}`;
  } catch (error) {
    return error instanceof SyntaxError ? 'SyntaxError' : 'throws';
  }
}

function number(value: number): string {
  return value < 0 ? `-${-value}` : String(value);
}

/** What we make of it, in the same words; null: lists and objects are no operands. */
function agrees(expression: string): boolean | null {
  const meaning = meant(expression);
  try {
    if (meaning === 'SyntaxError') return faultOf(expression) !== null;
    const kept = isKept(
      meaning.replace('E', () => `${expression}`),
      FACTS,
    );
    return meaning !== 'throws' && kept;
  } catch (error) {
    if (/a list or an object is no/.test(String(error))) return null;
    return meaning === 'throws';
  }
}

afterEach(() => expect(VALUE.rate).toBe(4));

test.each([
  ['value.rate > 3', true],
  ['ms > 100 || index === 8', false],
  ["outcome === 'accepted' && value.list.length === 4", true],
  ["outcome.startsWith('acc') && outcome.endsWith('ted')", true],
  ["value.list.includes('a') && value.name.includes('by')", true],
  ["'rate' in value && !('x' in value) && 0 in value.list", true],
  ['value.deep?.y?.z.u === undefined && value.none?.list[0] === undefined', true],
  ['[1, NaN][1 - 0] !== NaN && [NaN].includes(NaN)', true],
  ['Math.max(1, 7, Math.abs(-9)) === 9 && Math.floor(ms) === 12', true],
  ["true === 'rate' in value && !(1 + 'x' in value)", true],
  ['2 + 3 * 4 - 6 / 2 % 2 === 13', true],
  ["index % 2 ? value['rate'] == '4' : false", true],
  ['value.no ?? (value.yes || index)', true],
  ['value.toString || value.constructor || value.__proto__ || outcome.at', false],
  ['0', false],
])('%s is %s', (expression, kept) => {
  expect(faultOf(expression)).toBeNull();
  expect(isKept(expression, FACTS)).toBe(kept);
});

describe('JavaScript means the same', () => {
  const leaf = fc.constantFrom(
    ...['value', 'ms', 'index', 'outcome', 'undefined', 'NaN', 'Infinity', 'true', 'null', '0'],
    ...['1.5', '.5', '2e3', "'a'", '"7"', "''", "'a\\n\\'b'", 'value.rate', 'value.list', '[]'],
    ...['value.deep.x', 'value?.none', 'value.name', "value['list'][0]", 'value.none?.x.y.z'],
  );
  const binary = ['+', '-', '*', '/', '%', '<', '>', '<=', '>=', '==', '!=', '===', '!=='];
  const operator = fc.constantFrom(...binary, ...binary, '&&', '||', 'in');
  const { expression } = fc.letrec<{ expression: string }>((tie) => {
    const of = tie('expression');
    const form = (...parts: fc.Arbitrary<string>[]) =>
      fc.tuple(...parts).map((all) => all.join(''));
    const is = (text: string) => fc.constant(text);
    const one = fc.constantFrom('Math.abs(', 'Number.isFinite(', 'Array.isArray(', '(', '!(', '[');
    return {
      expression: fc.oneof(
        { depthSize: 'medium', withCrossShrink: true },
        leaf,
        form(of, is(' '), operator, is(' '), of),
        form(of, is(' '), operator, is(' '), of),
        form(is('('), of, is(') ?? ('), of, is(')')),
        form(fc.constantFrom('!', '- ', '+ '), of),
        form(of, is(' ? '), of, is(' : '), of),
        one.chain((open) => form(is(open), of, is(open === '[' ? ']' : ')'))),
        form(is('Math.min('), of, is(', '), of, is(')')),
        form(is('['), of, is(', '), of, is(']['), of, is(']')),
        form(is('('), of, fc.constantFrom(')?.', ').'), fc.constantFrom('rate', 'list?.[0].x')),
        form(is('('), of, fc.constantFrom(').includes(', ')?.includes('), of, is(')')),
        form(is('('), of, fc.constantFrom(')[', ')?.['), of, is(']')),
      ),
    };
  });

  test('of many random expressions', () => {
    let compared = 0;
    const property = fc.property(expression, (text) => {
      const agreement = agrees(text);
      if (agreement === null) return;
      compared += 1;
      expect(agreement, `${text} is ${meant(text)}`).toBe(true);
    });
    fc.assert(property, { numRuns: 4000 });
    expect(compared).toBeGreaterThan(2000);
  });

  test('of whatever is taken of random rows of tokens', () => {
    const tokens = [
      ...['value', 'ms', 'index', '.', '?.', '?', ':', '(', ')', '[', ']', ',', ';', '1', '0'],
      ...['.5', '1.', '07', '1e3', "'a'", '"', "'\\x41'", '"\\u0041"', "'\\\n'", '+', '-', '--'],
      ...['!', '*', '/', '//', '**', '<', '<!--', '==', '===', '=', '&&', '||', '??', 'in', ' in '],
      ...['Math.max', 'Math', '.includes', 'rate', ' ', '\n', '\u00a0', '\u2028', '{', '}', '=>'],
      ...['`', '~', '&', '|', '^', '>>', 'new ', 'typeof ', 'this', '...', '#', '\\', 'ä', '_'],
    ];
    const row = fc.array(fc.constantFrom(...tokens), { minLength: 1, maxLength: 7 });
    let taken = 0;
    const property = fc.property(row, (parts) => {
      const text = parts.join('');
      if (faultOf(text) !== null) return;
      taken += 1;
      expect(meant(text), text).not.toBe('SyntaxError');
      expect(agrees(text), `${text} is ${meant(text)}`).not.toBe(false);
    });
    fc.assert(property, { numRuns: 20_000 });
    expect(taken).toBeGreaterThan(150);
  });
});

test.each([
  ['value >', 'Expected expression after > at character 8'],
  ['rate > 3', 'rate is not known at character 1'],
  ['index === 3 && "x".repeat(2e8).split("")', 'split() is not allowed at character 16'],
  ['Array(2e8).fill(0)', 'fill() is not allowed at character 1'],
  ['process.exit(3)', 'exit() is not allowed at character 1'],
  ["value.constructor.constructor('return process')()", 'a call of this kind is not allowed'],
  ['value.list.map((x) => x)', 'unexpected "="'],
  ['(() => { for (;;); })()', 'unexpected ")" at character 3'],
  ['/^acc/.test(outcome)', 'unexpected "/" at character 1'],
  ['value.rate = 9', 'unexpected "=" at character 12'],
  ['index++ > 3', 'unexpected ++ at character 6'],
  ['true); globalThis.x = 1; (true', 'unexpected ")" at character 5'],
  ['ms > 1, true', 'unexpected "," at character 7'],
  ['ms > 1; ', 'unexpected ";" at character 7'],
  ['ms ?? index || 3', '?? beside || needs brackets at character 1'],
  ['index & 1', '& is not known at character 1'],
  ['`x`', 'unexpected "`"'],
  ["'\\u0041'", 'unknown \\u at character 2'],
  ['Math.pow(2)', 'Math.pow() takes 2 arguments, not 1: at character 1'],
  ['Math.PI < 3', 'Math is not known at character 1'],
  ["value.includes('a', 1)", 'includes() takes one argument'],
])('%s: %s', (expression, fault) => {
  expect(faultOf(expression)).toContain(fault);
});

test('the deepest expressions are taken or refused', () => {
  const deep = `${'('.repeat(511)}1${')'.repeat(511)}`;
  expect(faultOf(deep)).toBeNull();
  expect(isKept(`${'!'.repeat(1023)}0`, FACTS)).toBe(true);
  expect(isKept(`${'[0]['.repeat(200)}0${']'.repeat(200)} === 0`, FACTS)).toBe(true);
  expect(faultOf('(['.repeat(20_000))).toContain('it is nested too deep');
});

test('a refusal is one line and says what is allowed', () => {
  expect(faultOf('Array(2e8)')).toMatch(
    /^[^\n]* at character 1; it may use value, ms, index, outcome, [^\n]*Math\.abs[^\n]*includes/,
  );
});

test('one that cannot be read, or meets a fault, throws what tells why', () => {
  const at = (expression: string) => () => isKept(expression, FACTS);
  expect(at(') syntax')).toThrow('unexpected ")" at character 1');
  expect(at('value.none.x')).toThrow(
    "TypeError: Cannot read properties of undefined (reading 'x')",
  );
  expect(at('value.no.includes(1)')).toThrow('Cannot read properties of null');
  expect(at('value + 1')).toThrow('a list or an object is no number and no text');
  expect(at("'x' in outcome")).toThrow("'x' in string: that has no members");
  expect(at('value.rate.includes(4)')).toThrow('includes is not a function there');
});

test('the longest expressions of the largest values take little time and memory', () => {
  const name = 'a'.repeat(1_000_000);
  const facts = { ...FACTS, value: () => ({ name, list: Array(400_000).fill('b') }) };
  expect(() => isKept('value.name + value.name', facts)).toThrow('more than 65536 characters');
  expect(() => isKept('value.name.includes(value.name)', facts)).toThrow('1024 characters at most');
  const sums = `${"('b' + outcome) + ".repeat(56)}''`;
  expect(isKept(sums, facts)).toBe(true);
  const sought = `'${'a'.repeat(900)}b'`;
  const seeks = Array(60).fill('value.list.includes(0)').join('||');
  const start = performance.now();
  expect(isKept(`value.name.includes(${sought})`, facts)).toBe(false);
  expect(isKept(seeks.slice(0, 1017), facts)).toBe(false);
  expect(performance.now() - start).toBeLessThan(2000);
});

test('the value is asked for once, and not at all where nothing names it', () => {
  let asked = 0;
  const value = () => {
    asked += 1;
    return { x: [1] };
  };
  expect(isKept('index > 3', { ...FACTS, value })).toBe(true);
  expect(asked).toBe(0);
  expect(isKept('value.x === value.x && value === value', { ...FACTS, value })).toBe(true);
  expect(asked).toBe(1);
});

test('what user code changed is nothing to it', () => {
  const no = () => {
    throw new Error('changed');
  };
  const term = JSON.parse(
    conditionText(
      "Math.max(Math.abs(-3), 1) === 3 && [1, value.x, ms].includes('a') && 'x' in value && " +
        "outcome.startsWith('acc') && Number.isInteger(index) && (value?.y ?? NaN) !== 0",
    ),
  );
  const facts = { ...FACTS, value: () => ({ x: 'a' }) };
  const changed: [object, PropertyKey][] = [
    ...['includes', 'map', 'push', 'forEach', Symbol.iterator, 0, 1].map(
      (name): [object, PropertyKey] => [Array.prototype, name],
    ),
    ...['includes', 'startsWith', 'slice', 'at', Symbol.iterator].map(
      (name): [object, PropertyKey] => [String.prototype, name],
    ),
    ...['y', 'value', 'get', 'set', 'kind', 'hasOwnProperty'].map((name): [object, PropertyKey] => [
      Object.prototype,
      name,
    ]),
    ...[Math, Number, Object, Array, JSON, Reflect].flatMap((of) =>
      ['abs', 'max', 'isInteger', 'hasOwn', 'defineProperty', 'isArray', 'parse'].map(
        (name): [object, PropertyKey] => [of, name],
      ),
    ),
    ...['call', 'apply', 'bind'].map((name): [object, PropertyKey] => [Function.prototype, name]),
  ];
  const { defineProperty, getOwnPropertyDescriptor } = Object;
  const { deleteProperty } = Reflect;
  const before = changed.map(([of, name]) => getOwnPropertyDescriptor(of, name));
  let kept: unknown;
  try {
    for (let k = 0; k < changed.length; k += 1) {
      const entry = changed[k] as [object, PropertyKey];
      const trap = { __proto__: null, configurable: true, get: no, set: no };
      defineProperty(entry[0], entry[1], trap as PropertyDescriptor);
    }
    kept = createCondition(term)(facts);
  } catch (thrown) {
    kept = thrown;
  } finally {
    for (let k = 0; k < changed.length; k += 1) {
      const entry = changed[k] as [object, PropertyKey];
      deleteProperty(entry[0], entry[1]);
    }
    for (let k = 0; k < changed.length; k += 1) {
      const entry = changed[k] as [object, PropertyKey];
      const descriptor = before[k];
      if (descriptor !== undefined) defineProperty(entry[0], entry[1], descriptor);
    }
  }
  expect(kept).toBe(true);
});
