import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import {
  appendFile,
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { BlockFolders } from './block-folders.ts';
import { Content } from './content.ts';
import type { Described } from './describe.ts';
import {
  decodeDescription,
  encodeDescription,
  type FileDescription,
  type FileHash,
  fileHash,
  isFileHash,
} from './description.ts';
import { Draft } from './draft.ts';
import { putAside } from './put-aside.ts';
import { sweep, type Usage, usageOf } from './quota.ts';
import { STOCK } from './request.ts';
import { unlessMissing } from './unless-missing.ts';

/**
 * Files by the hash of their description, in a folder of the home. The folder is all there is:
 * several processes of one home use it at once. HASH.file: the description; its time of change is
 * when the file was used last. HASH.data: the content. HASH.part: some chunks of it. HASH.from: the
 * content is a file of the user's, which is read in its place as long as it is as it was.
 * HASH.made: it was made here by commands, and not fetched yet for all of them; a line for each of
 * these, with its computation where that is known.
 */
export class FileStore {
  readonly #folder: string;
  /** Blocks of stdin that are files here as well, while their runs keep them. */
  readonly #blocks: BlockFolders | null;
  /** What is in use, and how often. */
  readonly #pins = new Map<FileHash, number>();

  private constructor(folder: string, blocks: BlockFolders | null) {
    this.#folder = folder;
    this.#blocks = blocks;
  }

  static async open(folder: string, blocks: BlockFolders | null = null): Promise<FileStore> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new FileStore(folder, blocks);
  }

  /** Null when it is not known, or damaged. */
  async description(hash: FileHash): Promise<FileDescription | null> {
    const encoded =
      (await readFile(this.#path(hash, 'file')).catch(unlessMissing)) ??
      (await this.#blocks?.description(hash)) ??
      null;
    const description = encoded === null ? null : decodeDescription(encoded);
    return description !== null && fileHash(description) === hash ? description : null;
  }

  /** Keeps a description that fits its hash. */
  async learn(description: FileDescription): Promise<FileHash> {
    const hash = fileHash(description);
    await this.#write(hash, 'file', encodeDescription(description));
    return hash;
  }

  /** Gives a file of the user's, by its absolute path, to whoever asks for it; copies nothing. */
  async offer(path: string, { description, changedMs }: Described): Promise<FileHash> {
    const hash = await this.learn(description);
    await this.#write(hash, 'from', JSON.stringify({ path, changedMs }));
    return hash;
  }

  /** Takes a file that a command made, from its place in the same file system. */
  async adopt(path: string, { description }: Described): Promise<FileHash> {
    const hash = fileHash(description);
    // First, so that nobody drops what follows.
    await this.madeAgain(hash);
    await this.learn(description);
    const place = this.#path(hash, 'data');
    await rename(path, place).catch(async (error: NodeJS.ErrnoException) => {
      // A sandbox makes several file systems of one; a command may have closed its folder.
      if (!['EXDEV', 'EACCES', 'EPERM'].includes(error.code ?? '')) throw error;
      const draft = `${place}.${randomBytes(6).toString('hex')}.new`;
      await copyFile(path, draft);
      await rename(draft, place);
      await rm(path).catch(() => undefined);
    });
    return hash;
  }

  /** Keeps a file that commands made until it was fetched once more. */
  async madeAgain(hash: FileHash): Promise<void> {
    await appendFile(this.#path(hash, 'made'), '\n', { mode: 0o600 });
  }

  /** What is here of a file; null when there is nothing. To be closed. */
  async content(hash: FileHash): Promise<Content | null> {
    const description = await this.description(hash);
    if (description === null) return null;
    const block = await this.blockAt(hash);
    for (const place of [this.#path(hash, 'data'), await this.#origin(hash, description), block]) {
      const handle = place === null ? null : await open(place, 'r').catch(unlessMissing);
      if (handle !== null) return new Content(description, handle);
    }
    const part = await open(this.#path(hash, 'part'), 'r').catch(unlessMissing);
    return part === null ? null : new Content(description, part);
  }

  /** Says whether all of it is here, as far as one sees without reading it. */
  async has(hash: FileHash): Promise<boolean> {
    const description = await this.description(hash);
    if (description === null) return false;
    const data = await stat(this.#path(hash, 'data')).catch(unlessMissing);
    if (data?.size === description.bytes) return true;
    if ((await this.#origin(hash, description)) !== null) return true;
    return (await this.blockAt(hash)) !== null;
  }

  /** Where a block of stdin lies that a run keeps; null: it is none. To be read only. */
  async blockAt(hash: FileHash): Promise<string | null> {
    return (await this.#blocks?.find(hash)) ?? null;
  }

  /** Why the content of a file that is known is not here. */
  async lack(hash: FileHash): Promise<number> {
    const from = await stat(this.#path(hash, 'from')).catch(unlessMissing);
    return from === null ? STOCK.nothing : STOCK.gone;
  }

  /** What is to become a file; chunks that are here already are found. To be closed. */
  async draft(description: FileDescription): Promise<Draft> {
    const hash = await this.learn(description);
    // What seemed whole is not: its chunks are looked at one by one.
    await rename(this.#path(hash, 'data'), this.#path(hash, 'part')).catch(unlessMissing);
    return Draft.open(description, this.#path(hash, 'part'), this.#path(hash, 'data'));
  }

  /** Notes that a file is in use now. */
  async touch(hash: FileHash): Promise<void> {
    const now = new Date();
    await utimes(this.#path(hash, 'file'), now, now).catch(unlessMissing);
  }

  /**
   * The publisher of one command has it. Once it is so for all commands that made it, it may go as
   * others do.
   */
  fetched(hash: FileHash, computation: string): void {
    const path = this.#path(hash, 'made');
    // At once, so that nobody adds a line meanwhile.
    const lines = linesOf(path);
    const own = Math.max(0, lines.indexOf(computation));
    const left = lines.filter((_, k) => k !== own);
    if (left.length === 0) rmSync(path, { force: true });
    else writeFileSync(path, left.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  }

  /**
   * What commands made and nobody fetched may go as other files do, where nobody will: of all
   * computations of which `isOver` says so.
   */
  async release(isOver: (computation: string) => boolean): Promise<void> {
    // Of one that nobody is named for, nobody knows.
    const mayGo = (makers: string[]): boolean => makers.length > 0 && makers.every(isOver);
    for await (const { hash, makers } of this.#made()) {
      if (!mayGo(makers)) continue;
      // Once more, and at once: somebody may have added a line meanwhile.
      const path = this.#path(hash, 'made');
      if (mayGo(makersIn(linesOf(path)))) rmSync(path, { force: true });
    }
  }

  /**
   * What files take of the disk, in bytes, that commands made and that wait to be fetched: of
   * computations of which `isCounted` says so.
   */
  async unfetched(isCounted: (computation: string) => boolean): Promise<number> {
    let bytes = 0;
    for await (const { hash, makers } of this.#made()) {
      if (!makers.some(isCounted)) continue;
      const data = await stat(this.#path(hash, 'data')).catch(unlessMissing);
      bytes += data === null ? 0 : Math.min(data.size, data.blocks * 512);
    }
    return bytes;
  }

  /** What commands made and nobody fetched, with the computations of these. */
  async *#made(): AsyncGenerator<{ hash: FileHash; makers: string[] }> {
    for (const name of await readdir(this.#folder)) {
      const [, hash] = /^([0-9a-f]{64})\.made$/.exec(name) ?? [];
      if (hash === undefined) continue;
      const text = await readFile(this.#path(hash, 'made'), 'utf8').catch(unlessMissing);
      yield { hash, makers: makersIn((text ?? '').split('\n')) };
    }
  }

  /** Keeps a file from being swept away until the result is called. */
  pin(hash: FileHash): () => void {
    this.#pins.set(hash, (this.#pins.get(hash) ?? 0) + 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      const left = (this.#pins.get(hash) ?? 1) - 1;
      if (left > 0) this.#pins.set(hash, left);
      else this.#pins.delete(hash);
    };
  }

  /** Drops what is kept of a file, unless it is in use or was made here and is still wanted. */
  async drop(hash: FileHash): Promise<void> {
    if (this.#pins.has(hash)) return;
    // Aside at once, so that no command makes it again meanwhile; a large one takes long to remove.
    if (existsSync(this.#path(hash, 'made'))) return;
    const kinds: Kind[] = ['data', 'part'];
    if (!existsSync(this.#path(hash, 'from'))) kinds.push('file');
    await putAside(kinds.map((kind) => this.#path(hash, kind)));
  }

  /** What the files take of the disk. */
  usage(): Promise<Usage> {
    return usageOf(this.#folder);
  }

  /** Removes files, those used longest ago first, until at most `maxBytes` are taken. */
  sweep(maxBytes: number): Promise<Usage & { readonly freedBytes: number }> {
    return sweep(this.#folder, maxBytes, (hash) => this.#pins.has(hash));
  }

  /** Where the user's file lies, while it is as it was. */
  async #origin(hash: FileHash, { bytes }: FileDescription): Promise<string | null> {
    const text = await readFile(this.#path(hash, 'from'), 'utf8').catch(unlessMissing);
    if (text === null) return null;
    const { path, changedMs } = JSON.parse(text) as { path: string; changedMs: number };
    const found = await stat(path).catch(unlessMissing);
    const isAsItWas = found?.size === bytes && Math.trunc(found.mtimeMs) === changedMs;
    return isAsItWas ? path : null;
  }

  async #write(hash: FileHash, kind: Kind, what: Uint8Array | string): Promise<void> {
    const path = this.#path(hash, kind);
    const draft = `${path}.${randomBytes(6).toString('hex')}.new`;
    try {
      await writeFile(draft, what, { mode: 0o600 });
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  #path(hash: FileHash, kind: Kind): string {
    // It comes from others, and must not lead out of the folder.
    if (!isFileHash(hash)) throw new TypeError(`${String(hash)} is no file's hash`);
    return join(this.#folder, `${hash}.${kind}`);
  }
}

type Kind = 'file' | 'data' | 'part' | 'from' | 'made';

/** The computations that are named in what commands made a file. */
function makersIn(lines: readonly string[]): string[] {
  return lines.filter((line) => line !== '');
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(0, -1);
  } catch (error) {
    unlessMissing(error as NodeJS.ErrnoException);
    return [];
  }
}
