import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Processes } from './processes.ts';
import type { Order, Outcome, Running, Setting } from './system.ts';

/** How a program is told to run a command for each line of its stdin. */
export interface CommandForm {
  /** {} stands for the line; some shell is not needed. */
  readonly argv: (command: readonly string[]) => readonly [string, ...string[]];
  /** What has to be in the folder before. */
  readonly prepare?: (folder: string, command: readonly string[], lines: readonly string[]) => void;
  /** Its exit code is told by failed commands. @default all must be well */
  readonly mayFail?: boolean;
}

/** Writes down when it starts and ends, and takes 100 ms. */
const TRACED = `printf 's %s %s\\n' "$1" $$ >> trace
sleep 0.1
printf 'e %s %s\\n' "$1" $$ >> trace
`;

/** Orders by a program that runs commands, its own start included. */
export class CommandRun implements Running {
  readonly #setting: Setting;
  readonly #form: CommandForm;
  readonly #processes = new Processes();
  #runs = 0;
  #child: ChildProcess | undefined;
  #restart: PromiseWithResolvers<void> | undefined;

  constructor(setting: Setting, form: CommandForm) {
    this.#setting = setting;
    this.#form = form;
  }

  async run({ units, again }: Order): Promise<Outcome> {
    if (again !== true) this.#runs += 1;
    const { folder: own, kind } = this.#setting;
    // What is traced is looked for in the folder itself.
    const folder = kind === 'traced' ? own : join(own, String(this.#runs));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'traced.sh'), TRACED);
    const lines = Array.from({ length: units }, (_, k) => String(k));
    const command = kind === 'touch' ? ['touch', '{}.out'] : ['sh', 'traced.sh', '{}'];
    this.#form.prepare?.(folder, command, lines);
    const start = performance.now();
    let code = await this.#once(folder, command, lines);
    if (this.#restart !== undefined) {
      await this.#restart.promise;
      this.#restart = undefined;
      code = await this.#once(folder, command, lines);
    }
    const seconds = (performance.now() - start) / 1000;
    const made = readdirSync(folder).filter((file) => file.endsWith('.out')).length;
    if (kind === 'touch' && made !== units) throw new Error(`${made} files of ${units}`);
    if (code !== 0 && this.#form.mayFail !== true) throw new Error(`exit ${code}`);
    return { seconds, units };
  }

  async #once(cwd: string, command: readonly string[], lines: readonly string[]): Promise<unknown> {
    const [program, ...args] = this.#form.argv(command);
    const child = this.#processes.start(program, args, {
      cwd,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#child = child;
    const closed = once(child, 'close');
    // It may not read them all.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(lines.map((line) => `${line}\n`).join(''));
    const [code] = (await closed) as [number | null];
    return code;
  }

  async killHub(): Promise<void> {
    this.#restart = Promise.withResolvers();
    if (this.#child !== undefined) await this.#processes.kill(this.#child);
  }

  /** The same command once more. */
  restartHub(): Promise<void> {
    this.#restart?.resolve();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#processes[Symbol.asyncDispose]();
  }
}
