import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MeshError } from '../../core/mesh-error.ts';
import { isDiskFull } from '../../files/disk-full.ts';
import { compileName, type TemplateOptions } from './template.ts';

/** Bytes of a name in a folder; a longer argument is cut. */
const MAX_NAME_BYTES = 255;

/** Where a job's results go. */
export interface ResultPaths {
  readonly stdout: string;
  readonly stderr: string;
  readonly seq: string;
}

/** How arguments become names. */
export interface ResultsOptions extends Omit<TemplateOptions, 'quote'> {
  /** Arguments that one reading of all sources gives; with -N a job has several such records. */
  readonly recordLength?: number;
}

/**
 * Where GNU parallel's --results puts a job's output: `dir/1/ARG/2/ARG/{stdout,stderr,seq}` with
 * `\`, tab, NUL and `/` of an argument written `\\`, `\t`, `\0` and `\_`. If the name has
 * placeholders it is the file for stdout, with `.err` and `.seq` beside it; with a slash at its
 * end, a folder. Jobs with the same arguments share one place: the last one stays. With
 * `columns` their names stand for the numbers. Names of one file for all output are no folder's:
 * see ResultsTable. @throws MeshError MESH_USAGE for what a template refuses
 */
export function resultPaths(
  dir: string,
  args: readonly string[],
  seq: number,
  options: ResultsOptions = {},
): ResultPaths {
  if (dir === '') throw new MeshError('MESH_USAGE', '--results: the name is empty; name a folder');
  const name = compileName(dir, options)?.(args, seq) ?? null;
  if (name !== null && !name.endsWith('/')) {
    return { stdout: name, stderr: `${name}.err`, seq: `${name}.seq` };
  }
  const folder = name ?? `${dir}/${nestedName(args, options)}/`;
  return { stdout: `${folder}stdout`, stderr: `${folder}stderr`, seq: `${folder}seq` };
}

/** The arguments, each after the number of its source in its record. */
function nestedName(
  args: readonly string[],
  { recordLength = args.length, columns = [] }: ResultsOptions,
): string {
  const title = (k: number): string => nameOf(columns[k] ?? String(k + 1));
  return args.map((text, k) => `${title(k % recordLength)}/${nameOf(text)}`).join('/');
}

function nameOf(text: string): string {
  const name = text
    .replaceAll('\\', '\\\\')
    .replaceAll('\t', '\\t')
    .replaceAll('\0', '\\0')
    .replaceAll('/', '\\_');
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  const cut = new Uint8Array(MAX_NAME_BYTES);
  // Whole characters only.
  return name.slice(0, new TextEncoder().encodeInto(name, cut).read);
}

/**
 * Writes a job's stdout, stderr and seq; a text is the path of a file that is copied.
 * @throws MeshError MESH_DISK_FULL, MESH_USAGE when they cannot be written
 * @see resultPaths
 */
export async function writeResults(
  dir: string,
  args: readonly string[],
  seq: number,
  stdout: Uint8Array | string,
  stderr: Uint8Array | string,
  options: ResultsOptions = {},
): Promise<void> {
  const paths = resultPaths(dir, args, seq, options);
  try {
    await makeFolders(dirname(paths.stdout));
    await writeFile(paths.seq, String(seq));
    await put(stdout, paths.stdout);
    await put(stderr, paths.stderr);
  } catch (cause) {
    const isFull = isDiskFull(cause);
    const reason = isFull
      ? 'the disk is full; free some space'
      : `job ${seq} cannot be written (${(cause as Error).message})`;
    const code = isFull ? 'MESH_DISK_FULL' : 'MESH_USAGE';
    throw new MeshError(code, `--results ${dir}: ${reason}`, { cause });
  }
}

/** As `mkdir -p`. Not Node's own, which tries for ever where nothing can be made, as in /proc. */
async function makeFolders(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    const parent = dirname(path);
    // What is still missing after its parent was made is told.
    if (code !== 'ENOENT' || parent === path) throw error;
    await makeFolders(parent);
    await mkdir(path).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== 'EEXIST') throw again;
    });
  }
}

async function put(output: Uint8Array | string, path: string): Promise<void> {
  if (typeof output === 'string') await copyFile(output, path);
  else await writeFile(path, output);
}
