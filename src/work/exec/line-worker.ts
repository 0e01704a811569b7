// Runs where candidates run: it is bundled into the program of a job with --exec, and imports
// nothing of ours.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';

/** A lasting worker in any language. */
export interface WorkerSpec {
  /** A command for the system's shell. */
  readonly command: string;
  /** Absolute; it starts there. */
  readonly directory: string;
  /** Files that its text names: SHA-256 of each, which every machine is to have. */
  readonly files: Readonly<Record<string, string>>;
}

/** What the program's function is called with. */
interface Input {
  readonly rng: { readonly seed32: number };
  readonly index: number;
  readonly item: unknown;
  readonly params: unknown;
  readonly state: unknown;
  readonly log: (line: string) => void;
  readonly scratch: string;
}

/** What a worker may answer. */
type Reply = { readonly value: unknown } | { readonly reject: true } | { readonly error: string };

/** Longest answer of a worker, in characters. */
const MOST_CHARACTERS = 4_194_304;

/** What is kept of a line of the log that has no end. */
const MOST_LOG_CHARACTERS = 4096;

/** The exports of a program whose candidates a lasting worker evaluates, one line each. */
export function lineWorker(spec: WorkerSpec): {
  setup: () => LineProcess;
  evaluate: (input: Input) => Promise<unknown>;
  teardown: (input: Pick<Input, 'state'>) => Promise<void>;
} {
  return {
    setup() {
      for (const [name, hash] of Object.entries(spec.files)) checkFile(spec.directory, name, hash);
      return new LineProcess(spec);
    },
    // It is asked for its scratch folder, which the worker knows by its environment: it is there
    // then, and emptied after this candidate.
    async evaluate({ rng, index, item, params, state, log, scratch: _ }) {
      const question = {
        index,
        seed32: rng.seed32,
        params,
        ...(item === undefined ? {} : { item }),
      };
      const reply = await (state as LineProcess).ask(JSON.stringify(question), log);
      if ('value' in reply) return reply.value;
      if ('error' in reply) throw new Error(String(reply.error));
      return undefined;
    },
    teardown: ({ state }) => (state as LineProcess).end(),
  };
}

function checkFile(directory: string, name: string, hash: string): void {
  const found = createHash('sha256')
    .update(readFileSync(join(directory, name)))
    .digest('hex');
  if (found !== hash) throw new Error(`${name} in ${directory} is another file on this machine`);
}

/** The worker process: a line in, a line out; what it writes to stderr is the candidate's log. */
class LineProcess {
  readonly #command: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #rest = '';
  /** What was logged of a line that has not ended yet. */
  #restOfLog = '';
  #log: ((line: string) => void) | null = null;
  #waiting: PromiseWithResolvers<Reply> | null = null;
  #isEnding = false;

  constructor({ command, directory }: WorkerSpec) {
    this.#command = command;
    this.#child = spawn(command, { shell: true, cwd: directory, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#restOfLog + text).split('\n');
      const last = lines.pop() ?? '';
      // Longer ones are cut anyway.
      this.#restOfLog = last.slice(0, MOST_LOG_CHARACTERS);
      for (const line of lines) if (line !== '') this.#log?.(line);
    });
    this.#child.on('error', (error) => this.#die(error.message));
    this.#child.on('close', (code, signal) => this.#die(signal ?? `exit code ${code}`));
    this.#child.stdin.on('error', () => undefined);
  }

  async ask(question: string, log: (line: string) => void): Promise<Reply> {
    this.#log = log;
    this.#waiting = Promise.withResolvers();
    this.#child.stdin.write(`${question}\n`);
    const reply = await this.#waiting.promise;
    // What it logged before is in the other pipe, and is read in this turn of the loop.
    await turn();
    return reply;
  }

  /** Tells the worker that no more is asked, and waits until it has ended. */
  async end(): Promise<void> {
    this.#isEnding = true;
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await once(this.#child, 'close');
  }

  #hear(text: string): void {
    this.#rest += text;
    if (this.#rest.length > MOST_CHARACTERS) this.#die('a line without end');
    const end = this.#rest.indexOf('\n');
    if (end < 0) return;
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) return this.#die('a line that nobody asked for');
    const reply = replyOf(line);
    if (reply === null)
      waiting.reject(new TypeError(`no reply of a worker: ${line.slice(0, 100)}`));
    else waiting.resolve(reply);
  }

  /** No outcome: the executor ends with its worker, and another one tries the candidate. */
  #die(how: string): void {
    if (this.#isEnding) return;
    process.stderr.write(`Error: the worker ${this.#command} ended: ${how}\n`, () =>
      process.exit(1),
    );
  }
}

/** Null for a line that is none of the three. */
function replyOf(line: string): Reply | null {
  try {
    const reply: unknown = JSON.parse(line);
    if (typeof reply !== 'object' || reply === null) return null;
    return 'value' in reply || 'reject' in reply || 'error' in reply ? (reply as Reply) : null;
  } catch {
    return null;
  }
}
