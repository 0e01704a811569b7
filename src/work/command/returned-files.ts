import { realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { MeshError } from '../../core/mesh-error.ts';
import { type Described, describeFile } from '../../files/describe.ts';
import { MAX_FILE_BYTES } from '../../files/description.ts';
import { FileStore } from '../../files/file-store.ts';
import { filesMatching, isGlob, type Matching, plainName } from '../../files/glob.ts';
import { folderOfOutputs, type ReturnPattern } from '../../files/return-pattern.ts';
import type { WorkPlace } from './command-item.ts';
import type { NamedFiles } from './named-files.ts';
import type { Output } from './output-file.ts';

/** Outputs of one command at most: their names and hashes stand in its value. */
const MAX_OUTPUTS = 500;

/** An output in the store of the peer that made it. */
export type MadeFile = readonly [hash: string, bytes: number, mode: number];

/** What a command left of the outputs that it declares. */
export interface Returned {
  /** In its publisher's folder, by name. */
  readonly files?: NamedFiles;
  /** In the store, by their names in the working folder. */
  readonly outputs?: Readonly<Record<string, MadeFile>>;
  /** Why it did not do what it was to do: one line. */
  readonly problem?: string;
}

/** Looks for the outputs of a command that ran in its publisher's folder. */
export async function lookForOutputs(
  directory: string,
  returns: readonly ReturnPattern[],
): Promise<Returned> {
  const files: NamedFiles = {};
  for (const { inside, from, to } of returns) {
    const pattern = inside.slice(from.length);
    const { files: found, others } = await filesMatching(resolve(directory, to), pattern);
    const other = others.find(([name]) => !holdsOutputs(from + name, returns));
    if (other !== undefined) return { files, problem: `its output ${to}${other.join(' ')}` };
    if (found.length === 0) return { files, problem: missing(to + pattern) };
    for (const name of found) {
      const { size, mtimeMs } = await stat(resolve(directory, to, name));
      files[to + name] = [size, Math.trunc(mtimeMs)];
    }
    if (Object.keys(files).length > MAX_OUTPUTS) return { problem: tooMany() };
  }
  return { files };
}

/**
 * Puts the outputs of a command that ran in a folder of its own into the store. Where some are
 * missing, those that are there are kept all the same.
 */
export async function takeOutputs(
  { folder, store: path }: WorkPlace,
  returns: readonly ReturnPattern[],
): Promise<Returned> {
  if (returns.length === 0) return {};
  const store = await FileStore.open(path);
  const root = await realpath(folder);
  const outputs: Record<string, MadeFile> = {};
  const taken = new Map<string, MadeFile>();
  let problem: string | undefined;
  // All are looked for before any is moved: two patterns, or a link, may name the same file.
  const matched: [inside: string, found: Matching][] = [];
  const reals = new Map<string, string | null>();
  for (const { inside } of returns) {
    const found = await filesMatching(folder, inside);
    matched.push([inside, found]);
    for (const name of found.files) {
      reals.set(name, await realpath(join(folder, name)).catch(() => null));
    }
  }
  for (const [inside, { files: found, others }] of matched) {
    const other = others.find(([name]) => !holdsOutputs(name, returns));
    if (other !== undefined) problem ??= `its output ${other.join(' ')}`;
    else if (found.length === 0) problem ??= missing(inside);
    for (const name of found) {
      if (Object.hasOwn(outputs, name)) continue;
      if (Object.keys(outputs).length === MAX_OUTPUTS) return { outputs, problem: tooMany() };
      const real = reals.get(name) ?? null;
      const known = real === null ? undefined : taken.get(real);
      // Its publisher fetches it for each name.
      if (known !== undefined) await store.madeAgain(known[0]);
      const made = real === null ? null : (known ?? (await take(store, root, real)));
      if (made === null || typeof made === 'string') {
        problem ??= made ?? missing(name);
        continue;
      }
      if (real !== null) taken.set(real, made);
      outputs[name] = made;
    }
  }
  return { outputs, ...(problem === undefined ? {} : { problem }) };
}

/** Puts an output that is too long for a value into the store; others stay as they are. */
export async function takeLong({ store }: WorkPlace, output: Output): Promise<Output> {
  // What nobody can be sent stays where it is.
  if (output instanceof Uint8Array || output.bytes > MAX_FILE_BYTES) return output;
  const { file, bytes } = output;
  const hash = await (await FileStore.open(store)).adopt(file, await describeFile(file));
  return { file, bytes, hash };
}

/** Moves a file into the store; a text says why not. */
async function take(store: FileStore, root: string, real: string): Promise<MadeFile | string> {
  if (!real.startsWith(root + sep)) return `its output ${real} lies outside its working folder`;
  let described: Described;
  try {
    described = await describeFile(real);
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return `its output ${error.message.replace(root + sep, '')}`;
  }
  const hash = await store.adopt(real, described);
  const { bytes, mode } = described.description;
  return [hash, bytes, mode];
}

/** Says whether a folder was made, or had to be, for outputs that lie in it. */
function holdsOutputs(name: string, returns: readonly ReturnPattern[]): boolean {
  return returns.some((one) => `${folderOfOutputs(one)}/`.startsWith(`${name}/`));
}

function missing(pattern: string): string {
  if (isGlob(pattern)) return `none of its files matches ${pattern}`;
  return `its output ${plainName(pattern)} is missing`;
}

function tooMany(): string {
  return `it has more than ${MAX_OUTPUTS} outputs: pack them into one file`;
}
