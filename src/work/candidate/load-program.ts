import type { Rng } from './rng.ts';
import { describeThrown } from './thrown.ts';

/** What the function of a program is called with, once per candidate. */
export interface CandidateInput {
  readonly rng: Rng;
  readonly index: number;
  /** The candidate's input in a map job, otherwise undefined. */
  readonly item: unknown;
  readonly params: unknown;
  /** What `setup` returned. */
  readonly state: unknown;
  readonly log: (...values: unknown[]) => void;
  /** A folder for files of this candidate alone, empty at its start; made when this is read. */
  readonly scratch: string;
}

/** Candidates that are evaluated soon. */
export interface Ahead {
  readonly lo: number;
  readonly hi: number;
  readonly params: unknown;
  readonly state: unknown;
  readonly inputAt: (index: number) => { readonly seed32: number; readonly item: unknown };
}

/** A program that was imported and set up. */
export interface LoadedProgram {
  readonly evaluate: (input: CandidateInput) => unknown;
  readonly accept: ((value: unknown, more: { params: unknown }) => unknown) | undefined;
  readonly params: unknown;
  readonly state: unknown;
  /** Is told what comes, where a program wants to know: a lasting worker in another language. */
  readonly ahead?: (what: Ahead) => void;
  /** Ends what `setup` began. @default none */
  readonly teardown?: ((input: { state: unknown; params: unknown }) => unknown) | undefined;
}

/** Why a program cannot be used: one line for a person. */
export class ProgramError extends Error {}

/** Where the function of a lasting worker has its `ahead`. */
const AHEAD = Symbol.for('meshd.ahead');

type AnyFunction = (...values: never[]) => unknown;

/**
 * Imports a program and calls its `setup`.
 * @param importModule gives the module's namespace. A CommonJS module that was compiled from
 * `export default` has its exports one level down.
 * @throws ProgramError when the import or `setup` throws, or an export is no function.
 */
export async function loadProgram(
  importModule: () => Promise<object>,
  params: unknown,
): Promise<LoadedProgram> {
  const exports = await importedExports(importModule);
  const evaluate = functionNamed(exports, 'default');
  if (evaluate === undefined) throw new ProgramError('there is no default export');
  const setup = functionNamed(exports, 'setup');
  const accept = functionNamed(exports, 'accept');
  const teardown = functionNamed(exports, 'teardown');
  let state: unknown;
  try {
    state = await (setup as ((input: { params: unknown }) => unknown) | undefined)?.({ params });
  } catch (thrown) {
    throw new ProgramError(`setup threw ${oneLine(thrown)}`, { cause: thrown });
  }
  return {
    evaluate: evaluate as LoadedProgram['evaluate'],
    accept: accept as LoadedProgram['accept'],
    params,
    state,
    ...aheadOf(evaluate),
    teardown: teardown as LoadedProgram['teardown'],
  };
}

function aheadOf(evaluate: object): Pick<LoadedProgram, 'ahead'> {
  const ahead: unknown = Reflect.get(evaluate, AHEAD);
  return typeof ahead === 'function' ? { ahead: ahead as (what: Ahead) => void } : {};
}

async function importedExports(
  importModule: () => Promise<object>,
): Promise<Record<string, unknown>> {
  let namespace: Record<string, unknown>;
  try {
    namespace = (await importModule()) as Record<string, unknown>;
  } catch (thrown) {
    throw new ProgramError(`the import threw ${oneLine(thrown)}`, { cause: thrown });
  }
  const whole = namespace['default'] as Record<string, unknown> | undefined | null;
  if (typeof whole === 'object' && typeof whole?.['default'] === 'function') return whole;
  if (typeof whole !== 'function') return namespace;
  // module.exports = evaluate; module.exports.setup = …
  const { setup, accept, teardown } = whole;
  return { setup, accept, teardown, ...namespace };
}

function functionNamed(exports: Record<string, unknown>, name: string): AnyFunction | undefined {
  const found = exports[name];
  if (found === undefined) return undefined;
  if (typeof found === 'function') return found as AnyFunction;
  const type = found === null ? 'null' : typeof found;
  throw new ProgramError(`the export ${name} is no function but ${type}`);
}

function oneLine(thrown: unknown): string {
  const { name, detail } = describeThrown(thrown);
  const line = detail.split('\n', 1)[0] ?? '';
  return line.startsWith(name) ? line : `${name}: ${line}`;
}
