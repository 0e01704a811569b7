import { basename, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MAX_VALUE_BYTES } from '../../core/column.ts';
import { MAX_INDEX } from '../../core/interval-set.ts';
import {
  type Limits,
  MAX_MEMORY_BYTES,
  MAX_TIMEOUT_MS,
  MIN_MEMORY_BYTES,
} from '../../core/limits.ts';
import { MeshError } from '../../core/mesh-error.ts';
import type { Job, PublishRequest, WaitOptions } from '../mesh.ts';
import { jsonText } from './json-text.ts';
import type { Recalled } from './recall.ts';
import { showValue, type Terms, termsOf, whole } from './terms.ts';

/** A publication with its program bundled: all that a peer needs, nothing of the client's files. */
export interface Submission extends Terms {
  /** The bundled ES module, at most MAX_PROGRAM_BYTES. */
  readonly program: Uint8Array;
  /** Its source map in JSON, at most MAX_SOURCES_BYTES; null for none, or a longer one. */
  readonly sources: Uint8Array | null;
  /** 1–64 characters. */
  readonly name: string;
  /** JSON text, at most 1 MiB; `null` when none were given. */
  readonly params: string;
  /** 0 … 2^53 − 1. */
  readonly seed: number;
  readonly target: SubmissionTarget;
  /** 1 … 2^53 − 1, or null for no bound. */
  readonly maxEvals: number | null;
  /** 1 … 2^31 000 ms, or null for none. */
  readonly deadlineMs: number | null;
  readonly limits: Limits;
  /** 0 … MAX_TARGET, or null for any number. */
  readonly maxErrors: number | null;
  readonly fresh: boolean;
  /** The program is what commands have in common, and each item is one of them. */
  readonly commands: boolean;
  /** −10 … 10. */
  readonly priority: number;
}

export type SubmissionTarget =
  | { readonly kind: 'accept'; readonly count: number }
  /** JSON texts, 1 … MAX_ITEMS, each at most 1 MiB, together at most MAX_ITEMS_BYTES. */
  | { readonly kind: 'map'; readonly items: readonly string[] };

export interface SubmitOptions extends WaitOptions {
  /** Called with each warning for a person. */
  readonly onWarning?: (line: string) => void;
}

export interface RecallOptions extends WaitOptions {
  /** Jobs published from then on do not count, in ms since 1970. @default all count */
  readonly before?: number;
}

/** What can publish a submission: a peer, or a client's view of one. */
export interface Submitter {
  /** Resolves once the job is kept (R3). */
  submit(submission: Submission, options?: SubmitOptions): Promise<Job>;
  /** What is known of a submission's commands from earlier jobs. */
  recall(submission: Submission, options?: RecallOptions): AsyncIterable<Recalled>;
}

export const MAX_PROGRAM_BYTES = 8_000_000;
export const MAX_SOURCES_BYTES = 2_097_152;
export const MAX_ITEMS = 10_000_000;
export const MAX_ITEMS_BYTES = 268_435_456;
export const MAX_ACCEPT: number = 2 ** 31;
export const MAX_DEADLINE_MS: number = 2 ** 31 * 1000;

const KEYS = new Set([
  ...['fn', 'exec', 'accept', 'items', 'seed', 'params', 'maxEvals'],
  ...['cpus', 'needs', 'allowNet', 'allowRead', 'allowWrite', 'rate', 'logIf'],
  ...['deadlineMs', 'timeoutMs', 'memoryBytes', 'maxErrors', 'fresh'],
  ...['priority', 'name', 'onWarning'],
]);

/**
 * Checks a request and bundles its function.
 * @throws TypeError that shows the value, for a field out of its range.
 * @throws MeshError MESH_NO_FILE, MESH_BAD_FUNCTION from the bundler.
 */
export async function toSubmission(request: PublishRequest): Promise<Submission> {
  for (const key of Object.keys(request)) {
    if (!KEYS.has(key)) throw new TypeError(`publish knows no option ${JSON.stringify(key)}`);
  }
  const { accept, items, seed = 0, maxEvals, deadlineMs, priority = 0 } = request;
  const { timeoutMs, memoryBytes, maxErrors, fresh = false } = request;
  if ((accept === undefined) === (items === undefined)) {
    throw new TypeError('publish needs exactly one of accept and items');
  }
  if (accept !== undefined) whole('accept', accept, 1, MAX_ACCEPT);
  whole('seed', seed, 0, MAX_INDEX);
  whole('priority', priority, -10, 10);
  if (maxEvals !== undefined) whole('maxEvals', maxEvals, 1, MAX_INDEX);
  if (deadlineMs !== undefined) whole('deadlineMs', deadlineMs, 1, MAX_DEADLINE_MS);
  if (timeoutMs !== undefined) whole('timeoutMs', timeoutMs, 1, MAX_TIMEOUT_MS);
  if (memoryBytes !== undefined) {
    whole('memoryBytes', memoryBytes, MIN_MEMORY_BYTES, MAX_MEMORY_BYTES);
  }
  if (maxErrors !== undefined) whole('maxErrors', maxErrors, 0, MAX_ACCEPT);
  const terms = termsOf(placed(request));
  if (typeof fresh !== 'boolean') throw new TypeError(`fresh is no boolean: ${showValue(fresh)}`);
  const name = request.name ?? nameOf(request);
  checkName(name);
  const params = jsonText(request.params ?? null, 'params');
  if (Buffer.byteLength(params) > MAX_VALUE_BYTES) throw new TypeError('params exceed 1 MiB');
  const target: SubmissionTarget =
    items === undefined
      ? { kind: 'accept', count: accept ?? 0 }
      : { kind: 'map', items: await itemTexts(items) };
  const { program, sources } = await bundled(request);
  return {
    ...{ program: withAccess(program, request), sources, name, params, seed, target, priority },
    ...{ maxEvals: maxEvals ?? null, deadlineMs: deadlineMs ?? null },
    limits: { timeoutMs: timeoutMs ?? null, memoryBytes: memoryBytes ?? null },
    ...{ ...terms, maxErrors: maxErrors ?? null, fresh, commands: false },
  };
}

/**
 * A program with what is opened to it, where that is anything: one that catches a refusal comes to
 * something else once it is not refused, so these are two programs.
 */
function withAccess(program: Uint8Array, request: PublishRequest): Uint8Array {
  const { net, reads, writes } = termsOf(request).needs;
  if (!net && reads.length + writes.length === 0) return program;
  const line = `\n// opened: ${JSON.stringify({ net, reads, writes })}\n`;
  return Buffer.concat([program, new TextEncoder().encode(line)]);
}

/** A worker lies in this process's folder, and is started there. */
function placed(request: PublishRequest): PublishRequest {
  const { exec, allowRead = [] } = request;
  return exec === undefined ? request : { ...request, allowRead: [...allowRead, process.cwd()] };
}

function fileOf({ fn }: PublishRequest): string {
  const path = fn instanceof URL ? fileURLToPath(fn) : fn;
  if (typeof path !== 'string' || path === '') throw new TypeError(`fn is no path: ${String(fn)}`);
  return path;
}

/** The function file's name, or the command's program. */
function nameOf(request: PublishRequest): string {
  const { exec } = request;
  if ((exec === undefined) === (request.fn === undefined)) {
    throw new TypeError('publish needs exactly one of fn and exec');
  }
  if (exec !== undefined) {
    if (typeof exec !== 'string' || exec.trim() === '') {
      throw new TypeError(`exec is no command: ${showValue(exec)}`);
    }
    return exec
      .replace(/[\p{Cc}\s]+/gu, ' ')
      .trim()
      .slice(0, 64);
  }
  const file = fileOf(request);
  // Of `/` and `.`, which are no files, the bundler says so.
  const own = basename(resolve(file), extname(file)).slice(0, 64);
  return own === '' ? 'function' : own;
}

async function bundled(
  request: PublishRequest,
): Promise<{ program: Uint8Array; sources: Uint8Array | null }> {
  if (request.exec !== undefined) {
    const { bundleWorker } = await import('../../work/exec/bundle-worker.ts');
    return { program: await bundleWorker(request.exec, process.cwd()), sources: null };
  }
  const file = fileOf(request);
  const { bundleProgram } = await import('../../work/bundle.ts');
  const { program, sources, warnings } = await bundleProgram(file);
  if (program.length > MAX_PROGRAM_BYTES) {
    throw new MeshError('MESH_BAD_FUNCTION', `${file}: the bundle exceeds 8 MB: import less`);
  }
  for (const line of warnings) request.onWarning?.(line);
  return { program, sources: sources.length > MAX_SOURCES_BYTES ? null : sources };
}

async function itemTexts(items: NonNullable<PublishRequest['items']>): Promise<string[]> {
  const texts: string[] = [];
  let bytes = 0;
  for await (const item of items) {
    const text = jsonText(item, `items[${texts.length}]`);
    const size = Buffer.byteLength(text);
    if (size > MAX_VALUE_BYTES) throw new TypeError(`items[${texts.length}] exceeds 1 MiB`);
    bytes += size;
    texts.push(text);
    if (texts.length > MAX_ITEMS) throw new TypeError(`more than ${MAX_ITEMS} items`);
    if (bytes > MAX_ITEMS_BYTES) throw new TypeError('items exceed 256 MiB');
  }
  if (texts.length === 0) throw new TypeError('there are no items');
  return texts;
}

function checkName(name: unknown): void {
  const good = typeof name === 'string' && name.length >= 1 && name.length <= 64;
  if (!good || name === '.' || name === '..' || /\p{Cc}/u.test(name)) {
    throw new TypeError(`name must have 1 to 64 printable characters, not ${JSON.stringify(name)}`);
  }
}
