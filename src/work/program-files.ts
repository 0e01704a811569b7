import { createHash } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A private folder (0700) of programs, each in a file named by the SHA-256 of its bytes. */
export class ProgramFiles {
  readonly folder: string;
  #urls = new WeakMap<Uint8Array, string>();
  #written = new Set<string>();

  constructor(parent: string = tmpdir()) {
    // Its true name: a sandbox opens paths by their names.
    this.folder = realpathSync(mkdtempSync(join(parent, 'meshd-work-')));
  }

  /**
   * The URL to import the program from; writes the file the first time. sources: its source map,
   * which is written beside it and named at its end.
   */
  urlOf(program: Uint8Array, sources?: Uint8Array): string {
    const key = sources ?? program;
    const known = this.#urls.get(key);
    if (known !== undefined) return known;
    const name = `${digest(program)}${sources === undefined ? '' : `-${digest(sources)}`}.mjs`;
    const file = join(this.folder, name);
    if (!this.#written.has(name)) writeFileSync(file, program, { mode: 0o600 });
    if (!this.#written.has(name) && sources !== undefined) {
      writeFileSync(`${file}.map`, sources, { mode: 0o600 });
      writeFileSync(file, `\n//# sourceMappingURL=${name}.map\n`, { flag: 'a' });
    }
    this.#written.add(name);
    const url = pathToFileURL(file).href;
    this.#urls.set(key, url);
    return url;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}
