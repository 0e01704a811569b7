import { createHash } from 'node:crypto';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The name of a program in the folder of an executor. */
const NAME = 'program.mjs';

/** What an executor reads in its folder: its program and, if there is one, its source map. */
export function programFilesIn(folder: string): string[] {
  const file = join(folder, NAME);
  return [file, `${file}.map`];
}

/** A private folder (0700) of programs, each in a folder named by the SHA-256 of its bytes. */
export class ProgramFiles {
  readonly folder: string;
  #folders = new WeakMap<Uint8Array, string>();
  #written = new Set<string>();

  constructor(parent: string = tmpdir()) {
    // Its true name: a sandbox opens paths by their names.
    this.folder = realpathSync(mkdtempSync(join(parent, 'meshd-work-')));
  }

  /**
   * Puts the program into the folder of an executor, which is in this one, and returns its URL.
   * sources: its source map, which is put beside it and named at its end.
   */
  place(folder: string, program: Uint8Array, sources?: Uint8Array): string {
    const [from = '', map = ''] = programFilesIn(this.#folderOf(program, sources));
    const [to = '', mapTo = ''] = programFilesIn(folder);
    share(from, to);
    if (sources !== undefined) share(map, mapTo);
    return pathToFileURL(to).href;
  }

  /** Where the program lies; it is written the first time. */
  #folderOf(program: Uint8Array, sources?: Uint8Array): string {
    const key = sources ?? program;
    const known = this.#folders.get(key);
    if (known !== undefined) return known;
    const name = `${digest(program)}${sources === undefined ? '' : `-${digest(sources)}`}`;
    const folder = join(this.folder, name);
    if (!this.#written.has(name)) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const [file = '', map = ''] = programFilesIn(folder);
      writeFileSync(file, program, { mode: 0o600 });
      if (sources !== undefined) {
        writeFileSync(map, sources, { mode: 0o600 });
        writeFileSync(file, `\n//# sourceMappingURL=${NAME}.map\n`, { flag: 'a' });
      }
    }
    this.#written.add(name);
    this.#folders.set(key, folder);
    return folder;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Gives a file a second name, or a copy where the file system knows no such thing. */
function share(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}
