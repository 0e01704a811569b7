import jsep from 'jsep';

/** A node of a parsed expression, and the character that it begins at, from 1 on. */
export type ExpressionNode = { at?: number } & (
  | { type: 'Identifier'; name: string }
  | { type: 'Literal'; value: string | number | boolean | null; raw: string }
  | { type: 'ThisExpression' }
  | { type: 'ArrayExpression'; elements: ExpressionNode[] }
  | { type: 'UnaryExpression'; operator: string; argument: ExpressionNode }
  | { type: 'BinaryExpression'; operator: string; left: ExpressionNode; right: ExpressionNode }
  | MemberNode
  | CallNode
  | {
      type: 'ConditionalExpression';
      test: ExpressionNode;
      consequent: ExpressionNode;
      alternate: ExpressionNode;
    }
  | { type: 'Group'; inner: ExpressionNode }
);

/** a.b, a[b], a?.b */
export interface MemberNode {
  type: 'MemberExpression';
  computed: boolean;
  object: ExpressionNode;
  property: ExpressionNode;
  optional?: boolean;
  at?: number;
}

/** a(b) */
export interface CallNode {
  type: 'CallExpression';
  callee: ExpressionNode;
  arguments: ExpressionNode[];
  optional?: boolean;
  at?: number;
}

/** What is wrong with an expression, and at which of its characters, from 1 on. */
export class ExpressionFault extends Error {
  constructor(what: string, at: number) {
    super(`${what} at character ${at}`);
  }
}

/** jsep's parser, which its types leave out. */
interface Parser {
  readonly expr: string;
  readonly code: number;
  readonly char: string;
  index: number;
  gobbleSpaces(): void;
  gobbleExpression(): ExpressionNode | false | undefined;
  gobbleToken(): ExpressionNode | false | undefined;
  gobbleBinaryOp(): string | false;
  gobbleStringLiteral(): ExpressionNode;
  gobbleNumericLiteral(): ExpressionNode;
  gobbleIdentifier(): ExpressionNode;
  throwError(message: string): never;
}

type ParserClass = new (text: string) => Parser;
const { Jsep } = jsep as unknown as { readonly Jsep: ParserClass };
jsep.addBinaryOp('in', 7);

const COMMA = 44;
const CLOSE_PAREN = 41;
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** Where jsep is laxer than JavaScript, or reads something else, this one refuses. */
class StrictParser extends Jsep {
  whole(): ExpressionNode {
    const node = this.#expression();
    if (this.index < this.expr.length) this.#unexpected();
    return node;
  }

  override gobbleToken(): ExpressionNode | false | undefined {
    this.gobbleSpaces();
    this.#noStep();
    const at = this.index + 1;
    const node = super.gobbleToken();
    if (node) node.at = at;
    return node;
  }

  override gobbleBinaryOp(): string | false {
    this.gobbleSpaces();
    this.#noStep();
    return super.gobbleBinaryOp();
  }

  /** What ?. leaves out ends at a bracket. */
  gobbleGroup(): ExpressionNode {
    this.index += 1;
    const inner = this.#expression();
    if (this.code !== CLOSE_PAREN) this.#unexpected();
    this.index += 1;
    return { type: 'Group', inner };
  }

  gobbleArguments(end: number): ExpressionNode[] {
    const nodes: ExpressionNode[] = [];
    this.gobbleSpaces();
    while (this.code !== end || nodes.length > 0) {
      nodes.push(this.#expression());
      if (this.code === end) break;
      if (this.code !== COMMA) this.#unexpected();
      this.index += 1;
    }
    this.index += 1;
    return nodes;
  }

  override gobbleStringLiteral(): ExpressionNode {
    const start = this.index;
    const node = super.gobbleStringLiteral();
    const raw = this.expr.slice(start, this.index);
    if (/[\n\r]/.test(raw)) this.#refuse('a line break in a text', start);
    const escapes = raw.matchAll(/\\(.)/gs);
    for (const { 1: escaped = '', index } of escapes) {
      if (!'nrtbfv\\\'"'.includes(escaped)) this.#refuse(`unknown \\${escaped}`, start + index);
    }
    return node;
  }

  override gobbleNumericLiteral(): ExpressionNode {
    const start = this.index;
    const node = super.gobbleNumericLiteral();
    if (/^0\d/.test(this.expr.slice(start))) this.#refuse('a number that begins with 0', start);
    return node;
  }

  override gobbleIdentifier(): ExpressionNode {
    const start = this.index;
    const node = super.gobbleIdentifier();
    if (!IDENTIFIER.test(this.expr.slice(start, this.index))) this.#refuse('no name', start);
    return node;
  }

  override throwError(message: string): never {
    throw new ExpressionFault(message, this.index + 1);
  }

  #expression(): ExpressionNode {
    const node = this.gobbleExpression();
    if (!node) return this.#unexpected();
    this.gobbleSpaces();
    return node;
  }

  /** In JavaScript these change what they stand at, or begin a comment. */
  #noStep(): void {
    const step = this.expr.slice(this.index, this.index + 2);
    if (step === '++' || step === '--') this.#refuse(`unexpected ${step}`, this.index);
  }

  #unexpected(): never {
    const what = this.index < this.expr.length ? `unexpected "${this.char}"` : 'unexpected end';
    return this.#refuse(what, this.index);
  }

  #refuse(what: string, index: number): never {
    throw new ExpressionFault(what, index + 1);
  }
}

/**
 * Parses an expression of JavaScript without regular expressions, functions, assignments, object
 * literals, templates and comments.
 * @throws ExpressionFault; RangeError where it is nested too deep
 */
export function parseExpression(text: string): ExpressionNode {
  return new StrictParser(text).whole();
}
