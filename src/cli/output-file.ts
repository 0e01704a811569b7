import {
  accessSync,
  constants,
  createWriteStream,
  fstatSync,
  realpathSync,
  type Stats,
  statSync,
  type WriteStream,
  writeSync,
} from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { LineWriter } from '../control/line-writer.ts';
import { MeshError } from '../core/mesh-error.ts';
import { isDiskFull } from '../files/disk-full.ts';
import type { Io } from './context.ts';
import { namedPipe } from './named-pipe.ts';
import { statsAt, statsOfText } from './path-stats.ts';

/** Takes result lines. */
export interface ResultSink {
  write(line: string): Promise<void> | undefined;
  end(): Promise<void>;
}

/** Files that a command is to write. */
export interface OutputPaths {
  readonly out?: string | undefined;
  readonly summary?: string | undefined;
  readonly joblog?: string | undefined;
}

/**
 * Says before anything is done that a file could not be written, or that one would replace the
 * other, or one of the files that are read (`inputs`). @throws MeshError MESH_USAGE
 */
export function checkOutputs(
  { out, summary, joblog }: OutputPaths,
  inputs: readonly string[] = [],
): void {
  checkWritable('--out', out);
  checkWritable('--summary', summary);
  const outputs = Object.entries({ '--out': out, '--summary': summary, '--joblog': joblog });
  const given = outputs.flatMap(([flag, path]) => (path === undefined ? [] : [{ flag, path }]));
  for (const [k, { flag, path }] of given.entries()) {
    const other = given.slice(k + 1).find((next) => isOneFile(path, next.path));
    if (other !== undefined) {
      const text = `${flag} and ${other.flag} are one file, ${path}; give two`;
      throw new MeshError('MESH_USAGE', text);
    }
    const found = statsAt(path, flag);
    if (found === undefined || !inputs.some((input) => isSameFile(found, statsOfText(input)))) {
      continue;
    }
    const text = `${flag} ${path}: that is an input, which would be lost; give another file`;
    throw new MeshError('MESH_USAGE', text);
  }
}

function isOneFile(path: string, other: string): boolean {
  const found = statsOfText(path);
  if (found === undefined) return resolve(path) === resolve(other);
  return isSameFile(found, statsOfText(other));
}

/** Says whether two names lead to one file; a device or a pipe is none. */
function isSameFile(found: Stats, other: Stats | undefined): boolean {
  return found.isFile() && found.dev === other?.dev && found.ino === other.ino;
}

function checkWritable(flag: string, path: string | undefined): void {
  if (path === undefined) return;
  const whole = resolve(path);
  const found = statsAt(path, flag);
  const fault = (reason: string): MeshError =>
    new MeshError('MESH_USAGE', `${flag} ${path}: ${reason}`);
  if (found?.isDirectory()) throw fault('that is a folder; give a file');
  const parent = dirname(whole);
  if (found === undefined && statsAt(parent, flag)?.isDirectory() === false) {
    throw fault(`${parent} is no folder`);
  }
  try {
    accessSync(found ? whole : parent, constants.W_OK);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw fault(missing ? `there is no folder ${parent}` : 'it cannot be written');
  }
}

/**
 * Result lines go to the file, from its start, as they come; without a file to stdout. signal: ends
 * the wait for whoever reads a pipe.
 */
export function resultSink(io: Io, path: string | undefined, signal?: AbortSignal): ResultSink {
  if (path === undefined) {
    const writer = new LineWriter(io.stdout);
    return { write: (line) => writer.write(line), end: () => writer.flush() };
  }
  // Opened anew, a file that stdout is appended to would be emptied.
  const found = statSync(path, { throwIfNoEntry: false });
  const file = found?.isFIFO() ? namedPipe(path, signal) : writeStream(path, ownOutput(found));
  const writer = new LineWriter(file);
  const told = (error: unknown): never => {
    throw unwritten('--out', path, error, signal);
  };
  const end = async (): Promise<void> => {
    await writer.flush();
    file.end();
    await finished(file);
  };
  return {
    write: (line) => writer.write(line)?.catch(told),
    end: () => end().catch(told),
  };
}

/** Why a file was not written, in one line; an interrupt stays one. */
function unwritten(flag: string, path: string, cause: unknown, signal?: AbortSignal): unknown {
  // Who no longer reads a pipe needs no word of it.
  if (signal?.aborted === true || (cause as NodeJS.ErrnoException).code === 'EPIPE') return cause;
  const isFull = isDiskFull(cause);
  const reason = isFull
    ? 'the disk is full; free some space'
    : `it cannot be written (${(cause as Error).message})`;
  const code = isFull ? 'MESH_DISK_FULL' : 'MESH_INTERNAL';
  return new MeshError(code, `${flag} ${path}: ${reason}`, { cause });
}

/**
 * Writes a JSON object as a whole or not at all: another file of the folder is renamed. A link is
 * followed; a device, a pipe or this process's own output is written to.
 * signal: ends the wait for whoever reads a pipe.
 */
export async function writeWhole(path: string, value: object, signal?: AbortSignal): Promise<void> {
  try {
    await write(path, value, signal);
  } catch (error) {
    throw unwritten('--summary', path, error, signal);
  }
}

async function write(path: string, value: object, signal?: AbortSignal): Promise<void> {
  const text = `${JSON.stringify(value)}\n`;
  const found = statSync(resolve(path), { throwIfNoEntry: false });
  const whole = found === undefined ? resolve(path) : realpathSync(resolve(path));
  const own = ownOutput(found);
  if (own !== null) {
    writeSync(own, text);
    return;
  }
  if (found?.isFIFO()) return finished(namedPipe(path, signal).end(text));
  if (found && !found.isFile()) return writeFile(path, text);
  const draft = join(dirname(whole), `.${process.pid}.meshd-summary`);
  try {
    await writeFile(draft, text);
    await rename(draft, whole);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

function writeStream(path: string, own: number | null): WriteStream {
  return own === null ? createWriteStream(path) : createWriteStream('', { fd: own });
}

/** The stdout or stderr of this process that leads to a file: replacing that would lose it. */
function ownOutput(found: Stats | undefined): number | null {
  if (found === undefined) return null;
  return [1, 2].find((output) => isSameFile(found, fstatSync(output))) ?? null;
}
