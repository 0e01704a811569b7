import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A private folder (0700) of programs, each in a file named by the SHA-256 of its bytes. */
export class ProgramFiles {
  readonly folder: string;
  #urls = new WeakMap<Uint8Array, string>();
  #written = new Set<string>();

  constructor(parent: string = tmpdir()) {
    this.folder = mkdtempSync(join(parent, 'meshd-work-'));
  }

  /** The URL to import the program from; writes the file the first time. */
  urlOf(program: Uint8Array): string {
    const known = this.#urls.get(program);
    if (known !== undefined) return known;
    const name = createHash('sha256').update(program).digest('hex');
    const file = join(this.folder, `${name}.mjs`);
    if (!this.#written.has(name)) writeFileSync(file, program, { mode: 0o600 });
    this.#written.add(name);
    const url = pathToFileURL(file).href;
    this.#urls.set(program, url);
    return url;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
