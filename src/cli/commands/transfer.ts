import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { MeshError } from '../../core/mesh-error.ts';
import { type Described, describeFile } from '../../files/describe.ts';
import { fileHash } from '../../files/description.ts';
import { FileStore } from '../../files/file-store.ts';
import { isGlob, literal, plainName } from '../../files/glob.ts';
import { type ReturnPattern, returnPattern } from '../../files/return-pattern.ts';
import { workPath } from '../../files/work-path.ts';
import type { SentFile } from '../../node/files/sent-files.ts';
import type { Block } from '../../work/command/command-item.ts';
import { formedNames } from '../parallel/names.ts';
import { type Piece, placeholderFinder, refuseUnsupported } from '../parallel/placeholders.ts';
import { statsOfText } from '../path-stats.ts';
import type { CommandFlags } from './flags.ts';
import { placesOf } from './places.ts';

/** The files of one command, by name. */
export interface PlannedFiles {
  /** Those that are sent: where they are, and their names in the command's working folder. */
  readonly sends: readonly { readonly path: string; readonly inside: string }[];
  readonly returns: readonly ReturnPattern[];
  /** Which of what is sent is the command's stdin, or a file in its place (--pipe). */
  readonly block?: Block;
  readonly sentBlock?: SentBlock;
  /** The arguments as the command sees them. */
  readonly args: readonly string[];
}

/** A block of stdin as it is sent. */
export type SentBlock = Omit<SentFile, 'inside'>;

/** Says whether commands run in folders of their own, with what is sent to them. */
export function isTransfer({
  transfer,
  transferfile,
  basefile,
  trc,
  workdir,
}: CommandFlags): boolean {
  return (
    workdir === '...' || [transfer, transferfile, basefile, trc].some((flag) => flag !== undefined)
  );
}

/** Says whether what was sent is not to be kept. */
export function isCleanup({ cleanup, trc }: CommandFlags): boolean {
  return cleanup === true || trc !== undefined;
}

/**
 * What finds the files of each command by its arguments and number. @throws MeshError MESH_USAGE
 * for a pattern that cannot be, MESH_NO_FILE for a file that is not there.
 */
export function filePlanner(
  flags: CommandFlags,
  columns: readonly string[] = [],
): (args: readonly string[], seq: number) => PlannedFiles {
  const { transferfile = [], basefile = [], trc = [] } = flags;
  const transfers = isTransfer(flags);
  refuseEmpty('--transferfile', transferfile);
  refuseEmpty('--basefile', basefile);
  refuseEmpty('--return', flags.return);
  refuseEmpty('--trc', trc);
  const places = placesOf(flags, columns);
  const find = placeholderFinder(places);
  const compiled = (pattern: string): Piece[] => {
    refuseUnsupported(pattern, places);
    return find(pattern);
  };
  const all = flags.transfer === true || trc.length > 0 ? [find(flags.replace ?? '{}')] : [];
  const named = transferfile.map(compiled);
  const returned = [...(flags.return ?? []), ...trc].map((pattern) => {
    if (transfers) checkReturn(pattern);
    return compiled(pattern);
  });
  return (args, seq) => {
    const sends = new Map<string, string>();
    const moved = new Set<number>();
    const send = (path: string, isWanted: boolean): boolean => {
      const { inside } = workPath(path);
      if (!isSent(path, inside, isWanted)) return false;
      const other = sends.get(inside);
      if (other !== undefined && resolve(other) !== resolve(path)) {
        const text = `${other} and ${path} would both be ${inside} in the working folder`;
        throw new MeshError('MESH_USAGE', text);
      }
      sends.set(inside, path);
      return true;
    };
    for (const path of basefile) send(path, true);
    for (const [pieces, isWanted] of [
      ...all.map((one) => [one, false] as const),
      ...named.map((one) => [one, true] as const),
    ]) {
      for (const { text, from } of formedNames(pieces, args, seq)) {
        if (send(text, isWanted)) for (const place of from) moved.add(place);
      }
    }
    const returns = returned.flatMap((pieces) =>
      formedNames(pieces, args, seq, literal).map(({ text, from }) => {
        for (const place of from) moved.add(place);
        const pattern = returnPattern(text);
        if (pattern.inside !== pattern.from) return pattern;
        throw new MeshError('MESH_USAGE', `--return: ${JSON.stringify(text)} names no file`);
      }),
    );
    const shown = args.map((argument, place) => {
      if (!transfers || !moved.has(place)) return argument;
      const { inside } = workPath(argument);
      return inside === '' ? argument : inside;
    });
    return {
      sends: [...sends].map(([inside, path]) => ({ path, inside })),
      ...{ returns, args: shown },
    };
  };
}

/** Two commands that return a file to the same place, and its name; null: there are none. */
export function sharedReturn(
  planned: readonly { readonly seq: number; readonly files: PlannedFiles }[],
): { readonly name: string; readonly first: number; readonly second: number } | null {
  const firsts = new Map<string, number>();
  for (const { seq, files } of planned) {
    for (const { inside, from, to } of files.returns) {
      // Those of a pattern are known once the command has run.
      if (isGlob(inside)) continue;
      const name = to + plainName(inside.slice(from.length));
      const place = resolve(name);
      const first = firsts.get(place) ?? seq;
      if (first !== seq) return { name, first, second: seq };
      firsts.set(place, seq);
    }
  }
  return null;
}

/** Files as they are published: described, and given to whoever asks for them. */
export class Offers {
  readonly #described = new Map<string, Promise<Described>>();

  /** What an item says of its files. @throws MeshError MESH_NO_FILE, MESH_USAGE */
  async sent({ sends, block, sentBlock }: PlannedFiles): Promise<SentFile[]> {
    const files: SentFile[] = [];
    for (const { path, inside } of sends) {
      const place = resolve(path);
      const running = this.#described.get(place) ?? describeFile(place);
      this.#described.set(place, running);
      const { description } = await running;
      files.push({ inside, hash: fileHash(description), bytes: description.bytes });
    }
    if (block !== undefined && sentBlock !== undefined) {
      files.push({ inside: block.name, ...sentBlock });
    }
    return files;
  }

  /** Gives them to the peer of a home, whose folder is there. */
  async give(home: string): Promise<void> {
    if (this.#described.size === 0) return;
    const store = await FileStore.open(join(home, 'files'));
    for (const [path, described] of this.#described) await store.offer(path, await described);
  }
}

/** Lines for a person on what a command's files are. */
export function shownFiles({ sends, returns }: PlannedFiles): {
  readonly sends: readonly { readonly path: string; readonly bytes: number }[];
  readonly returns: readonly string[];
} {
  return {
    sends: sends.map(({ path }) => ({ path, bytes: statSync(path).size })),
    returns: returns.map(({ inside, from, to }) => to + shownPattern(inside.slice(from.length))),
  };
}

/** @throws MeshError for what cannot be sent */
function isSent(path: string, inside: string, isWanted: boolean): boolean {
  const found = statsOfText(path);
  if (found?.isFile() === true) return true;
  if (found?.isDirectory() === true) {
    const text = `${path} is a folder: only files are sent; name its files, or pack it with tar`;
    throw new MeshError('MESH_NO_FILE', text);
  }
  // Of the arguments, numbers and words are none.
  if (!isWanted || inside === '') return false;
  throw new MeshError('MESH_NO_FILE', `${path}: there is no such file to send`);
}

/** @throws MeshError MESH_USAGE */
function refuseEmpty(option: string, texts: readonly string[] = []): void {
  if (texts.includes('')) throw new MeshError('MESH_USAGE', `${option} is empty; name a file`);
}

function checkReturn(pattern: string): void {
  const isOutside = pattern.startsWith('/') || /^(?:\.\/)*\.\.(?:\/|$)/.test(pattern);
  if (!isOutside || pattern.includes('/./')) return;
  const text =
    `--return ${pattern}: a command that files are sent to writes into a folder of its own; give ` +
    `the name there, and before it where it goes here: ${pattern.replace(/\/[^/]*$/, '')}/./NAME`;
  throw new MeshError('MESH_USAGE', text);
}

function shownPattern(pattern: string): string {
  return isGlob(pattern) ? pattern : plainName(pattern);
}
