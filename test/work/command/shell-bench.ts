import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunOptions, Shell, type ShellResult } from '../../../src/work/command/shell.ts';

/** The shells that are /bin/sh somewhere. */
export const PROGRAMS: readonly string[] = ['dash', 'bash'];

export const NO_LIMITS: RunOptions = { variables: {}, outputBytes: null, timeoutMs: null };

/** Sets SHELL_ID to the process id of the lasting shell itself; `$$` is that of a command's own. */
export const SHELL_ID = `D='$'; SHELL_ID=$(eval "echo $D$D");`;

/** A shell in folders of its own. */
export class ShellBench {
  /** Where commands run. */
  readonly directory: string;
  /** Where outputs lie; its name has a quote. */
  readonly folder: string;
  readonly shell: Shell;
  readonly #root: string;

  constructor(program?: string) {
    this.#root = mkdtempSync(join(tmpdir(), 'meshd-shell-'));
    this.directory = join(this.#root, 'work');
    this.folder = join(this.#root, "it's out");
    mkdirSync(this.directory);
    mkdirSync(this.folder);
    const environment = { PATH: process.env['PATH'] ?? '', GREETING: 'good day' };
    const { directory, folder } = this;
    const named = program === undefined ? {} : { program };
    this.shell = new Shell({ directory, environment, folder, ...named });
  }

  run(command: string, options: Partial<RunOptions> = {}): Promise<ShellResult> {
    return this.shell.run(command, { ...NO_LIMITS, ...options });
  }

  /** What a command wrote to stdout. */
  async text(command: string): Promise<string> {
    return textOf(await this.run(command));
  }

  /** The process ids that a command wrote to a file so far. */
  pids(name: string): number[] {
    const path = join(this.directory, name);
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    return (text.match(/\d+(?=\s)/g) ?? []).map(Number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shell.close();
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** A result's stdout, if it was held. */
export function textOf({ stdout }: Pick<ShellResult, 'stdout'>): string {
  if (!(stdout instanceof Uint8Array)) throw new Error(`in a file: ${stdout.file}`);
  return Buffer.from(stdout).toString('utf8');
}

/** Says whether a process runs. One that has ended and that nobody asked about does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
