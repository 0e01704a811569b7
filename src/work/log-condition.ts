import {
  BINARY_OPERATORS,
  type BinaryOperator,
  CALL_NAMES,
  type CallName,
  METHOD_NAMES,
  type MethodName,
  NAMES,
  type Term,
  type TermName,
  UNARY_OPERATORS,
  type UnaryOperator,
} from './candidate/term.ts';
import {
  type CallNode,
  ExpressionFault,
  type ExpressionNode,
  type MemberNode,
  parseExpression,
} from './expression-parser.ts';

const SIGNS = [...UNARY_OPERATORS, ...BINARY_OPERATORS.filter((name) => !'+-'.includes(name))];
/** Math.abs and the others of Math, then those of Number and Array. */
const FUNCTIONS = CALL_NAMES.join(' ').replaceAll(' Math.', ' ');

/** What an expression may use, in words. */
const ALLOWED =
  'it may use value, ms, index, outcome, numbers, texts, lists, members, ?., ' +
  `${SIGNS.join(' ')} ?:, ${FUNCTIONS}, ${METHOD_NAMES.join(' ')}`;

/** What is wrong with an expression, in words; null: nothing. */
export function faultOf(expression: string): string | null {
  try {
    termOf(parseExpression(expression));
    return null;
  } catch (error) {
    return `${told(error)}; ${ALLOWED}`;
  }
}

/**
 * An expression as an executor takes it: the JSON text of its term. One that cannot be read, which
 * only somebody else can have published, becomes one that throws.
 */
export function conditionText(expression: string): string {
  let term: Term;
  try {
    term = termOf(parseExpression(expression));
  } catch (error) {
    term = { kind: 'fault', text: told(error) };
  }
  return JSON.stringify(term);
}

function told(error: unknown): string {
  return error instanceof ExpressionFault ? error.message : 'it is nested too deep';
}

/** The term of a node; a chain with ?. ends here. */
function termOf(node: ExpressionNode): Term {
  const link = linkOf(node);
  return isChain(link) ? { kind: 'chain', of: link } : link;
}

function isChain(term: Term): boolean {
  if (term.kind !== 'member' && term.kind !== 'method') return false;
  return term.optional || isChain(term.of);
}

function linkOf(node: ExpressionNode): Term {
  switch (node.type) {
    case 'Group':
      return termOf(node.inner);
    case 'Literal':
      // Too large for a number, and for JSON.
      if (node.value === Number.POSITIVE_INFINITY) return { kind: 'name', name: 'Infinity' };
      return { kind: 'literal', value: node.value };
    case 'Identifier':
      if (isOneOf<TermName>(NAMES, node.name)) return { kind: 'name', name: node.name };
      return refuse(`${node.name} is not known`, node);
    case 'ArrayExpression':
      return { kind: 'list', items: node.elements.map(termOf) };
    case 'UnaryExpression': {
      const { operator, argument } = node;
      if (!isOneOf<UnaryOperator>(UNARY_OPERATORS, operator)) {
        return refuse(`${operator} is not known`, node);
      }
      return { kind: 'unary', operator, of: termOf(argument) };
    }
    case 'BinaryExpression':
      return binaryOf(node);
    case 'ConditionalExpression': {
      const { test, consequent, alternate } = node;
      return { kind: 'choice', test: termOf(test), yes: termOf(consequent), no: termOf(alternate) };
    }
    case 'MemberExpression': {
      const { object, optional = false } = node;
      return { kind: 'member', of: linkOf(object), key: keyOf(node), optional };
    }
    case 'CallExpression':
      return callOf(node);
    case 'ThisExpression':
      return refuse('this is not known', node);
  }
}

function binaryOf(node: Extract<ExpressionNode, { type: 'BinaryExpression' }>): Term {
  const { operator, left, right } = node;
  if (!isOneOf<BinaryOperator>(BINARY_OPERATORS, operator)) {
    return refuse(`${operator} is not known`, left);
  }
  for (const side of [left, right]) {
    const isMixed = side.type === 'BinaryExpression' && isUnclear(operator, side.operator);
    if (isMixed) return refuse(`${side.operator} beside ${operator} needs brackets`, side);
  }
  return { kind: 'binary', operator, left: termOf(left), right: termOf(right) };
}

/** ?? stands beside no && and no ||. */
function isUnclear(outer: string, inner: string): boolean {
  const isLogical = (name: string): boolean => name === '&&' || name === '||';
  return (outer === '??' && isLogical(inner)) || (isLogical(outer) && inner === '??');
}

function keyOf({ computed, property }: MemberNode): Term {
  if (computed) return termOf(property);
  return { kind: 'literal', value: nameOf(property) };
}

function nameOf(node: ExpressionNode): string {
  return node.type === 'Identifier' ? node.name : '';
}

function callOf(node: CallNode): Term {
  const { callee } = node;
  if (callee.type !== 'MemberExpression' || callee.computed || node.optional === true) {
    return refuse('a call of this kind is not allowed', node);
  }
  const { object, optional = false } = callee;
  const name = nameOf(callee.property);
  const full = `${nameOf(object)}.${name}`;
  const args = node.arguments.map(termOf);
  if (!optional && isOneOf<CallName>(CALL_NAMES, full)) {
    const most = /m(?:ax|in)$/.test(full) ? args.length : full === 'Math.pow' ? 2 : 1;
    if (args.length !== most || most === 0) {
      const wanted = most === 2 ? '2 arguments' : 'one argument';
      return refuse(`${full}() takes ${wanted}, not ${args.length}:`, node);
    }
    return { kind: 'call', name: full, args };
  }
  const [arg] = args;
  if (!isOneOf<MethodName>(METHOD_NAMES, name)) return refuse(`${name}() is not allowed`, node);
  if (arg === undefined || args.length > 1) {
    return refuse(`${name}() takes one argument, not ${args.length}:`, node);
  }
  return { kind: 'method', of: linkOf(object), name, optional, arg };
}

function isOneOf<T extends string>(names: readonly string[], name: string): name is T {
  return names.includes(name);
}

function refuse(what: string, node: ExpressionNode): never {
  throw new ExpressionFault(what, placeOf(node));
}

function placeOf(node: ExpressionNode): number {
  if (node.at !== undefined) return node.at;
  if (node.type === 'BinaryExpression') return placeOf(node.left);
  return node.type === 'ConditionalExpression' ? placeOf(node.test) : 1;
}
