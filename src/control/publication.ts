import { MAX_VALUE_BYTES } from '../core/column.ts';
import { check } from '../core/form.ts';
import { MAX_INDEX } from '../core/interval-set.ts';
import { type Limits, limitsForm } from '../core/limits.ts';
import { MAX_LOG_IF } from '../core/manifest.ts';
import { type Needs, needsForm } from '../core/needs.ts';
import { MAX_PER_HOUR } from '../core/rate.ts';
import {
  MAX_ACCEPT,
  MAX_DEADLINE_MS,
  MAX_ITEMS,
  MAX_ITEMS_BYTES,
  MAX_PROGRAM_BYTES,
  MAX_SOURCES_BYTES,
  type Submission,
} from '../node/jobs/submission.ts';
import { ByteReader, malformed } from './byte-reader.ts';

const MAX_HEADER_BYTES = 4_194_304;
const CHUNK_CHARS = 65_536;

/** The first line of a publication's body. */
interface Header extends Omit<Submission, 'program' | 'sources' | 'target'> {
  readonly kind: 'accept' | 'map';
  /** The target: accepted candidates, or items that follow. */
  readonly count: number;
  readonly programBytes: number;
  /** Of the source map that follows the program; 0 for none. */
  readonly sourcesBytes: number;
}

/** A submission as a request's body: a line of JSON, program, source map, then one item a line. */
export function* encodePublication(submission: Submission): Generator<Uint8Array> {
  const { program, sources, target, ...fields } = submission;
  const items = target.kind === 'map' ? target.items : [];
  const count = target.kind === 'map' ? items.length : target.count;
  const header: Header = {
    ...{ ...fields, kind: target.kind, count, programBytes: program.length },
    sourcesBytes: sources?.length ?? 0,
  };
  yield Buffer.from(`${JSON.stringify(header)}\n`);
  yield program;
  if (sources !== null) yield sources;
  let text = '';
  for (const item of items) {
    text += `${item}\n`;
    if (text.length < CHUNK_CHARS) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}

/** Reads and checks a publication's body. @throws MeshError MESH_USAGE */
export async function decodePublication(body: AsyncIterable<Uint8Array>): Promise<Submission> {
  const reader = new ByteReader(body);
  const header = readHeader(await reader.line(MAX_HEADER_BYTES));
  const { kind, count, programBytes, sourcesBytes, ...rest } = header;
  const program = new Uint8Array(await reader.bytes(programBytes));
  const map = new Uint8Array(await reader.bytes(sourcesBytes));
  const fields = { ...rest, program, sources: map.length === 0 ? null : map };
  const target =
    kind === 'accept' ? { kind, count } : { kind, items: await readItems(reader, count) };
  // An answer ends the connection, which a client that still writes would take for a fault.
  await reader.end();
  return { ...fields, target };
}

async function readItems(reader: ByteReader, count: number): Promise<string[]> {
  const items: string[] = [];
  let chars = 0;
  while (items.length < count) {
    const item = await reader.line(MAX_VALUE_BYTES);
    if (item === null) throw malformed(`it ends after ${items.length} of ${count} items`);
    checkJson(item, 'item');
    chars += item.length;
    if (chars > MAX_ITEMS_BYTES) throw malformed('the items exceed 256 MiB');
    items.push(item);
  }
  return items;
}

function readHeader(line: string | null): Header {
  const header = checkJson(line ?? '', 'header') as Partial<Record<keyof Header, unknown>> | null;
  if (typeof header !== 'object' || header === null) throw malformed('no header');
  const { name, params, kind } = header;
  if (typeof name !== 'string' || name.length < 1 || name.length > 64) throw malformed('name');
  if (typeof params !== 'string' || Buffer.byteLength(params) > MAX_VALUE_BYTES) {
    throw malformed('params');
  }
  checkJson(params, 'params');
  if (kind !== 'accept' && kind !== 'map') throw malformed('kind');
  return {
    ...{ name, params, kind },
    count: whole(header, 'count', 1, kind === 'map' ? MAX_ITEMS : MAX_ACCEPT),
    seed: whole(header, 'seed', 0, MAX_INDEX),
    maxEvals: header.maxEvals === null ? null : whole(header, 'maxEvals', 1, MAX_INDEX),
    deadlineMs: header.deadlineMs === null ? null : whole(header, 'deadlineMs', 1, MAX_DEADLINE_MS),
    limits: limitsOf(header.limits),
    needs: needsOf(header.needs),
    logIf: logIfOf(header.logIf),
    perHour: header.perHour === null ? null : whole(header, 'perHour', 1, MAX_PER_HOUR),
    maxErrors: header.maxErrors === null ? null : whole(header, 'maxErrors', 0, MAX_ACCEPT),
    fresh: header.fresh === true,
    commands: header.commands === true,
    priority: whole(header, 'priority', -10, 10),
    programBytes: whole(header, 'programBytes', 1, MAX_PROGRAM_BYTES),
    sourcesBytes: whole(header, 'sourcesBytes', 0, MAX_SOURCES_BYTES),
  };
}

function logIfOf(value: unknown): string | null {
  if (value === null) return null;
  if (typeof value === 'string' && value !== '' && value.length <= MAX_LOG_IF) return value;
  throw malformed('logIf');
}

function limitsOf(value: unknown): Limits {
  const { timeoutMs, memoryBytes } = (value ?? {}) as Partial<Record<keyof Limits, unknown>>;
  const read = check(limitsForm, [timeoutMs, memoryBytes]);
  if ('rejected' in read) throw malformed('limits');
  return read.value;
}

function needsOf(value: unknown): Needs {
  const { cpus, tags, net, reads, writes } = (value ?? {}) as Partial<Record<keyof Needs, unknown>>;
  const read = check(needsForm, [cpus, tags, net, reads, writes]);
  if ('rejected' in read) throw malformed('needs');
  return read.value;
}

function whole(
  header: Partial<Record<keyof Header, unknown>>,
  key: keyof Header,
  min: number,
  max: number,
): number {
  const value = header[key];
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw malformed(key);
  }
  return value as number;
}

function checkJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(`the ${what} is not JSON`);
  }
}
