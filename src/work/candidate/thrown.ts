import type { WorkFailure } from '../workforce.ts';
import { clipText } from './clip-text.ts';

const MAX_NAME_BYTES = 128;
const MAX_DETAIL_BYTES = 2048;
const MAX_LINE_BYTES = 500;

/**
 * Why a thrown error is no outcome: stack and memory depend on the machine, and so does what the
 * sandbox or the operating system refused (an errno such as ENOENT, here or in a `cause`).
 * Undefined for all others: they are outcomes.
 */
export function failureOf(thrown: unknown): WorkFailure | undefined {
  try {
    return refusalIn(thrown);
  } catch {
    // A getter of the error threw in turn: the user's code, so it is an outcome.
    return undefined;
  }
}

function refusalIn(thrown: unknown): WorkFailure | undefined {
  let error: unknown = thrown;
  for (let depth = 0; depth < 4 && typeof error === 'object' && error !== null; depth += 1) {
    const { message, code, errno, name, cause } = error as Record<string, unknown>;
    const line = typeof message === 'string' ? firstLine(message) : '';
    if (name === 'RangeError' && line === 'Maximum call stack size exceeded') {
      return { kind: 'stack', detail: line };
    }
    if (name === 'InternalError' && line === 'too much recursion') {
      return { kind: 'stack', detail: line };
    }
    if (code === 'ERR_WORKER_OUT_OF_MEMORY') return { kind: 'memory', detail: line };
    if (name === 'RangeError' && /allocation failed|could not allocate|out of memory/i.test(line)) {
      return { kind: 'memory', detail: line };
    }
    if (code === 'ERR_ACCESS_DENIED') return { kind: 'system', detail: denialOf(line, error) };
    // Other ERR_… codes are Node's own and mean a wrong call, the same on every machine.
    if (typeof errno === 'number' || (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code))) {
      return { kind: 'system', detail: line === '' ? String(code ?? errno) : line };
    }
    error = cause;
  }
  return undefined;
}

/** How the detail of what the sandbox refused begins. */
const DENIED = 'the sandbox refuses';

/** Says whether the sandbox refused what a candidate did: it will each time, also elsewhere. */
export function isDenial({ kind, detail }: WorkFailure): boolean {
  return kind === 'system' && detail.startsWith(`${DENIED} `);
}

/** What the sandbox refused, and what would open it. */
function denialOf(line: string, error: object): string {
  const { permission, resource } = error as Record<string, unknown>;
  if (typeof permission !== 'string') return line;
  const what = typeof resource === 'string' && resource !== '' ? ` of ${resource}` : '';
  const flag = DENIALS[permission];
  const next = flag === undefined ? '' : `: ${flag}`;
  return clipText(`${DENIED} ${permission}${what}${next}`, MAX_LINE_BYTES);
}

const DENIALS: Readonly<Record<string, string>> = {
  FileSystemRead: '--allow-read opens it',
  FileSystemWrite: 'a candidate writes to its scratch folder; --allow-write opens others',
  ChildProcess: 'nothing opens it; --exec runs programs',
  WorkerThreads: 'nothing opens them',
  Net: '--allow-net opens it',
  UnixSocket: '--allow-write opens those below a path',
};

/** Where this runner's own files are: a stack that people read ends before them. */
const RUNNER = new URL('.', import.meta.url).pathname;

/** And those of the executor around it. */
const EXECUTOR = new URL('..', import.meta.url).pathname;

/** What stands before the user's files in a source map. */
export const SOURCE_SCHEME = 'meshd:';

/**
 * The name of a thrown error, which counts, and its message and stack, which are for people.
 * isBrief: without the stack, which costs more than most candidates.
 */
export function describeThrown(thrown: unknown, isBrief = false): { name: string; detail: string } {
  try {
    if (typeof thrown !== 'object' || thrown === null) {
      return { name: 'Error', detail: clipText(`thrown: ${String(thrown)}`, MAX_DETAIL_BYTES) };
    }
    const { name, message } = thrown as Record<string, unknown>;
    const text = typeof message === 'string' ? message : `thrown: ${JSON.stringify(thrown)}`;
    const known =
      typeof name === 'string' && name !== '' ? clipText(name, MAX_NAME_BYTES) : 'Error';
    const stack = isBrief ? '' : (thrown as Record<string, unknown>)['stack'];
    const trace = typeof stack === 'string' && stack.includes(text) ? usersPart(stack) : '';
    const line = text.startsWith(known) ? text : `${known}: ${text}`;
    return { name: known, detail: clipText(trace === '' ? line : trace, MAX_DETAIL_BYTES) };
  } catch {
    // A getter of the error threw in turn.
    return { name: 'Error', detail: 'an error that cannot be read' };
  }
}

/** What `describeWhole` tells, and of how many causes. */
const MOST_BYTES = 65_536;
const MOST_CAUSES = 8;

/** The same with all frames of the user's code, and those of its causes. */
export function describeWhole(thrown: unknown): { name: string; detail: string } {
  const { name, detail } = describeThrown(thrown);
  const parts: string[] = [];
  try {
    let error: unknown = thrown;
    for (let depth = 0; depth < MOST_CAUSES && error instanceof Error; depth += 1) {
      // An error may have its stack taken away.
      const frames = `${error.stack || error}`.split('\n').filter((line) => !isInner(line));
      parts.push(frames.map(readable).join('\n'));
      error = error.cause;
    }
  } catch {
    // A getter of the error threw in turn.
  }
  if (parts.length === 0) return { name, detail };
  return { name, detail: clipText(parts.join('\ncaused by '), MOST_BYTES) };
}

/** A frame of the runner, or of what is below it. */
function isInner(line: string): boolean {
  return line.startsWith('    at ') && (line.includes(EXECUTOR) || / \(?node:/.test(line));
}

/** A name that minifying gave a function tells nothing. */
const SHORT_NAME = /^( +at )(?:async )?(?:Module\.)?[\w$]{1,2} \((.*)\)$/;

/** The frames of the user's code, by the names of its own files where they are known. */
function usersPart(stack: string): string {
  const lines = stack.split('\n');
  const end = lines.findIndex((line) => line.startsWith('    at ') && line.includes(RUNNER));
  const own = end < 0 ? lines : lines.slice(0, end);
  return own.map(readable).join('\n');
}

function readable(line: string): string {
  return line.replace(SOURCE_SCHEME, '').replace(SHORT_NAME, '$1$2');
}

function firstLine(text: string): string {
  return clipText(text.split('\n', 1)[0] ?? '', MAX_LINE_BYTES);
}
