// What a peer that parses a condition and an executor that evaluates it share.

/** A condition as its parser hands it on; JSON holds it. */
export type Term =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'name'; readonly name: TermName }
  | { readonly kind: 'list'; readonly items: readonly Term[] }
  /** optional: ?. — where that is not there, so is all up to the chain around it. */
  | { readonly kind: 'member'; readonly of: Term; readonly key: Term; readonly optional: boolean }
  | { readonly kind: 'chain'; readonly of: Term }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly of: Term }
  | TwoTerms
  | { readonly kind: 'choice'; readonly test: Term; readonly yes: Term; readonly no: Term }
  | { readonly kind: 'call'; readonly name: CallName; readonly args: readonly Term[] }
  | MethodTerm
  /** It throws this. */
  | { readonly kind: 'fault'; readonly text: string };

interface TwoTerms {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Term;
  readonly right: Term;
}

interface MethodTerm {
  readonly kind: 'method';
  readonly of: Term;
  readonly name: MethodName;
  readonly optional: boolean;
  readonly arg: Term;
}

/** What an expression may name. */
export const NAMES = ['value', 'ms', 'index', 'outcome', 'undefined', 'NaN', 'Infinity'] as const;
export type TermName = (typeof NAMES)[number];
export const UNARY_OPERATORS = ['!', '-', '+'] as const;
export type UnaryOperator = (typeof UNARY_OPERATORS)[number];

/** Of two operands. */
export const BINARY_OPERATORS = [
  '+',
  '-',
  '*',
  '/',
  '%',
  '<',
  '>',
  '<=',
  '>=',
  '===',
  '!==',
  '==',
  '!=',
  'in',
  '&&',
  '||',
  '??',
] as const;
export type BinaryOperator = (typeof BINARY_OPERATORS)[number];

/** Calls of one argument; pow has two, max and min as many as there are. */
export const CALL_NAMES = [
  'Math.abs',
  'Math.ceil',
  'Math.exp',
  'Math.floor',
  'Math.log',
  'Math.log10',
  'Math.log2',
  'Math.max',
  'Math.min',
  'Math.pow',
  'Math.round',
  'Math.sign',
  'Math.sqrt',
  'Math.trunc',
  'Number.isFinite',
  'Number.isInteger',
  'Number.isNaN',
  'Number.isSafeInteger',
  'Array.isArray',
] as const;
export type CallName = (typeof CALL_NAMES)[number];

/** Calls of one argument on a text; includes on a list, too. */
export const METHOD_NAMES = ['includes', 'startsWith', 'endsWith'] as const;
export type MethodName = (typeof METHOD_NAMES)[number];
