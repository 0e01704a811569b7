import type { Condition, Facts } from './log-judge.ts';
import type {
  BinaryOperator,
  CallName,
  MethodName,
  Term,
  TermName,
  UnaryOperator,
} from './term.ts';

// It is evaluated beside user code, which may have changed what arrays, texts and objects can do:
// no method is called here but these, taken before any user code was there.
const { hasOwn, defineProperty } = Object;
const { isArray } = Array;
const { abs, ceil, exp, floor, log, log10, log2, max, min, pow, round, sign, sqrt, trunc } = Math;
const { isFinite: isFinal, isInteger, isNaN: isNan, isSafeInteger } = Number;
const { NaN: NAN, POSITIVE_INFINITY } = Number;
const { bind, call } = Function.prototype;
type Uncurry = <A extends unknown[], R>(
  method: (this: string, ...args: A) => R,
) => (text: string, ...args: A) => R;
const uncurry = bind.bind(call) as unknown as Uncurry;
const textIncludes = uncurry<[string], boolean>(String.prototype.includes);
const textStarts = uncurry<[string], boolean>(String.prototype.startsWith);
const textEnds = uncurry<[string], boolean>(String.prototype.endsWith);
const cut = uncurry<[number, number], string>(String.prototype.slice);

/** Characters of a text that + may make. */
const MAX_TEXT = 65_536;
/** Characters that `includes` looks for in a text, at most. */
const MAX_SOUGHT = 1024;

type Run = (frame: Frame) => unknown;

/** One evaluation: the value is asked for once, and not at all where nothing names it. */
interface Frame {
  readonly facts: Facts;
  value: unknown;
  isKnown: boolean;
}

/** What an expression threw; its message is all that there is to say. */
export class ConditionFault extends Error {}

/** In a chain: what comes before a ?. is not there. */
const NOT_THERE = { notThere: true };

type Operation = (a: unknown, b: unknown) => unknown;

const BINARY: Record<Exclude<BinaryOperator, '&&' | '||' | '??'>, Operation> = {
  '+': plus,
  '-': (a: unknown, b: unknown) => numeric(a) - numeric(b),
  '*': (a: unknown, b: unknown) => numeric(a) * numeric(b),
  '/': (a: unknown, b: unknown) => numeric(a) / numeric(b),
  '%': (a: unknown, b: unknown) => numeric(a) % numeric(b),
  '<': (a: unknown, b: unknown) => (plain(a) as number) < (plain(b) as number),
  '>': (a: unknown, b: unknown) => (plain(a) as number) > (plain(b) as number),
  '<=': (a: unknown, b: unknown) => (plain(a) as number) <= (plain(b) as number),
  '>=': (a: unknown, b: unknown) => (plain(a) as number) >= (plain(b) as number),
  '===': (a: unknown, b: unknown) => a === b,
  '!==': (a: unknown, b: unknown) => a !== b,
  '==': isLike,
  '!=': (a: unknown, b: unknown) => !isLike(a, b),
  in: isIn,
};

const CALLS: Record<CallName, Operation> = {
  'Math.abs': (a: unknown) => abs(numeric(a)),
  'Math.ceil': (a: unknown) => ceil(numeric(a)),
  'Math.exp': (a: unknown) => exp(numeric(a)),
  'Math.floor': (a: unknown) => floor(numeric(a)),
  'Math.log': (a: unknown) => log(numeric(a)),
  'Math.log10': (a: unknown) => log10(numeric(a)),
  'Math.log2': (a: unknown) => log2(numeric(a)),
  'Math.max': (a: unknown, b: unknown) => max(numeric(a), numeric(b)),
  'Math.min': (a: unknown, b: unknown) => min(numeric(a), numeric(b)),
  'Math.pow': (a: unknown, b: unknown) => pow(numeric(a), numeric(b)),
  'Math.round': (a: unknown) => round(numeric(a)),
  'Math.sign': (a: unknown) => sign(numeric(a)),
  'Math.sqrt': (a: unknown) => sqrt(numeric(a)),
  'Math.trunc': (a: unknown) => trunc(numeric(a)),
  'Number.isFinite': (a: unknown) => isFinal(a),
  'Number.isInteger': (a: unknown) => isInteger(a),
  'Number.isNaN': (a: unknown) => isNan(a),
  'Number.isSafeInteger': (a: unknown) => isSafeInteger(a),
  'Array.isArray': (a: unknown) => isArray(a),
};

const METHODS: Record<MethodName, Operation> = { includes, startsWith, endsWith };

/**
 * Makes the condition of a term, with JavaScript's meaning but that members are own ones, lists and
 * objects are compared by identity and are no operands of anything else, a text that + makes has
 * 65,536 characters at most, and `includes` seeks 1024 in a text. What it costs is bounded by its
 * size and the value's. It throws ConditionFault, and RangeError where the stack ends.
 */
export function createCondition(term: Term): Condition {
  const run = compiled(term);
  return (facts) => {
    return !!run({ facts, value: undefined, isKnown: false });
  };
}

function compiled(term: Term): Run {
  switch (term.kind) {
    case 'literal': {
      const { value } = term;
      return () => value;
    }
    case 'name':
      return named(term.name);
    case 'list':
      return listed(allCompiled(term.items));
    case 'chain': {
      const of = compiled(term.of);
      return (frame) => {
        const value = of(frame);
        return value === NOT_THERE ? undefined : value;
      };
    }
    case 'member': {
      const of = compiled(term.of);
      const key = compiled(term.key);
      const { optional } = term;
      return (frame) => {
        const object = of(frame);
        if (object === NOT_THERE || (optional && isMissing(object))) return NOT_THERE;
        return memberOf(object, key(frame));
      };
    }
    case 'method': {
      const of = compiled(term.of);
      const arg = compiled(term.arg);
      const { optional, name } = term;
      const method = METHODS[name];
      return (frame) => {
        const object = of(frame);
        if (object === NOT_THERE || (optional && isMissing(object))) return NOT_THERE;
        if (isMissing(object)) throw unreadable(object, name);
        return method(object, arg(frame));
      };
    }
    case 'unary':
      return unary(term.operator, compiled(term.of));
    case 'binary':
      return binary(term.operator, compiled(term.left), compiled(term.right));
    case 'choice': {
      const test = compiled(term.test);
      const yes = compiled(term.yes);
      const no = compiled(term.no);
      return (frame) => (test(frame) ? yes(frame) : no(frame));
    }
    case 'call':
      return called(term.name, allCompiled(term.args));
    case 'fault': {
      const { text } = term;
      return () => {
        throw new ConditionFault(text);
      };
    }
  }
}

function named(name: TermName): Run {
  switch (name) {
    case 'value':
      return (frame) => {
        if (!frame.isKnown) frame.value = frame.facts.value();
        frame.isKnown = true;
        return frame.value;
      };
    case 'ms':
      return ({ facts }) => facts.ms;
    case 'index':
      return ({ facts }) => facts.index;
    case 'outcome':
      return ({ facts }) => facts.outcome;
    case 'undefined':
      return () => undefined;
    case 'NaN':
      return () => NAN;
    case 'Infinity':
      return () => POSITIVE_INFINITY;
  }
}

function unary(operator: UnaryOperator, of: Run): Run {
  if (operator === '!') return (frame) => !of(frame);
  if (operator === '-') return (frame) => -numeric(of(frame));
  return (frame) => numeric(of(frame));
}

function binary(operator: BinaryOperator, left: Run, right: Run): Run {
  if (operator === '&&') return (frame) => left(frame) && right(frame);
  if (operator === '||') return (frame) => left(frame) || right(frame);
  if (operator === '??') return (frame) => left(frame) ?? right(frame);
  const apply = BINARY[operator];
  return (frame) => apply(left(frame), right(frame));
}

/** A call of one argument or two; of more where they are taken by two, as max and min can be. */
function called(name: CallName, args: readonly Run[]): Run {
  const apply = CALLS[name];
  const first = args[0] as Run;
  const takesTwo = name === 'Math.max' || name === 'Math.min' || name === 'Math.pow';
  if (!takesTwo) return (frame) => apply(first(frame), undefined);
  return (frame) => {
    let result = args.length === 1 ? numeric(first(frame)) : first(frame);
    for (let k = 1; k < args.length; k += 1) result = apply(result, (args[k] as Run)(frame));
    return result;
  };
}

function listed(items: readonly Run[]): Run {
  return (frame) => {
    const list: unknown[] = [];
    for (let k = 0; k < items.length; k += 1) put(list, k, (items[k] as Run)(frame));
    return list;
  };
}

function allCompiled(terms: readonly Term[]): Run[] {
  const runs: Run[] = [];
  for (let k = 0; k < terms.length; k += 1) put(runs, k, compiled(terms[k] as Term));
  return runs;
}

/** An assignment would call a setter that user code gave to all arrays. */
function put<T>(list: T[], k: number, value: T): void {
  const descriptor = { __proto__: null, value, enumerable: true } as PropertyDescriptor;
  defineProperty(list, k, descriptor);
}

function isMissing(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

/** An own member; texts have their characters and their length. */
function memberOf(object: unknown, key: unknown): unknown {
  const name = `${plain(key)}`;
  if (isMissing(object)) throw unreadable(object, name);
  return hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
}

/** The number, text or truth value; undefined and null are themselves. */
function plain(value: unknown): string | number | boolean | null | undefined {
  if (typeof value !== 'object' || value === null) return value as string;
  throw new ConditionFault('TypeError: a list or an object is no number and no text');
}

function numeric(value: unknown): number {
  return +(plain(value) as number);
}

function plus(a: unknown, b: unknown): unknown {
  const left = plain(a);
  const right = plain(b);
  if (typeof left !== 'string' && typeof right !== 'string') return numeric(left) + numeric(right);
  const text = `${left}${right}`;
  if (text.length <= MAX_TEXT) return text;
  throw new ConditionFault(`RangeError: + makes a text of more than ${MAX_TEXT} characters`);
}

/** a == b */
function isLike(a: unknown, b: unknown): boolean {
  if (isMissing(a) || isMissing(b)) return isMissing(a) && isMissing(b);
  if (typeof a === typeof b) return a === b;
  return numeric(a) === numeric(b);
}

function isIn(key: unknown, object: unknown): boolean {
  const name = `${plain(key)}`;
  if (typeof object === 'object' && object !== null) return hasOwn(object, name);
  throw new ConditionFault(`TypeError: '${short(name)}' in ${typeof object}: that has no members`);
}

function includes(object: unknown, sought: unknown): boolean {
  if (typeof object === 'string') {
    const text = `${plain(sought)}`;
    if (text.length <= MAX_SOUGHT) return textIncludes(object, text);
    throw new ConditionFault(`RangeError: includes seeks ${MAX_SOUGHT} characters at most`);
  }
  if (!isArray(object)) throw noMethod('includes');
  for (let k = 0; k < object.length; k += 1) {
    const item: unknown = object[k];
    // NaN is in a list.
    // biome-ignore lint/suspicious/noSelfCompare: no function is called
    if (item === sought || (item !== item && sought !== sought)) return true;
  }
  return false;
}

function startsWith(object: unknown, sought: unknown): boolean {
  if (typeof object !== 'string') throw noMethod('startsWith');
  return textStarts(object, `${plain(sought)}`);
}

function endsWith(object: unknown, sought: unknown): boolean {
  if (typeof object !== 'string') throw noMethod('endsWith');
  return textEnds(object, `${plain(sought)}`);
}

function noMethod(name: string): ConditionFault {
  return new ConditionFault(`TypeError: ${name} is not a function there`);
}

function unreadable(object: null | undefined, key: string): ConditionFault {
  const text = `TypeError: Cannot read properties of ${object} (reading '${short(key)}')`;
  return new ConditionFault(text);
}

function short(text: string): string {
  return cut(text, 0, 200);
}
