// Runs where candidates run: it is bundled into the program of a job with --exec, and imports
// nothing of ours but words.
import { isUtf8 } from 'node:buffer';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { STRAY } from './worker-mark.ts';

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

/** What is to be evaluated next, so that a worker need not wait between two candidates. */
interface Ahead {
  readonly lo: number;
  readonly hi: number;
  readonly params: unknown;
  readonly state: unknown;
  readonly inputAt: (index: number) => { readonly seed32: number; readonly item: unknown };
}

/** What a worker may answer. */
type Reply = { readonly value: unknown } | { readonly reject: true } | { readonly error: string };

/** Words without a meaning to the shell, or in quotes. */
const ONE_PROGRAM = /^([\w./-]+)(?: +(?:[\w./:=@,%+-]+|'[^']*'|"[^"$`\\]*"))*$/;

/** What begins a command of the shell's own. */
const SHELL_WORDS = new Set([
  ...['alias', 'bg', 'break', 'case', 'cd', 'command', 'continue', 'eval', 'exec', 'exit', 'for'],
  ...['export', 'fc', 'fg', 'function', 'getopts', 'hash', 'if', 'jobs', 'let', 'local', 'read'],
  ...['readonly', 'return', 'select', 'set', 'shift', 'source', 'time', 'times', 'trap', 'type'],
  ...['ulimit', 'umask', 'unalias', 'unset', 'until', 'wait', 'while', '.'],
]);

const WORDS = ['value', 'reject', 'error'];

/** Longest answer of a worker: 4 Mi characters, of which each takes up to three bytes. */
const MOST_BYTES = 12_582_912;

const LINE_FEED = 10;

/** So long after the end of its answers a worker's own end is waited for, in ms. */
const END_MS = 1000;

/** What is kept of a line of the log that has no end. */
const MOST_LOG_CHARACTERS = 4096;

/** Characters of its last line to stderr that are told when it ends. */
const MOST_LAST_WORDS = 300;

/** Candidates that a worker has in hand at most, and characters of questions and of answers. */
const MOST_IN_HAND = 256;
const MOST_CHARACTERS_IN_HAND = 1_048_576;

/** The exports of a program whose candidates a lasting worker evaluates, one line each. */
export function lineWorker(spec: WorkerSpec): {
  setup: () => LineProcess;
  evaluate: (input: Input) => unknown;
  teardown: (input: Pick<Input, 'state'>) => Promise<void>;
} {
  const evaluate = (input: Input): unknown => {
    const { rng, index, item, params, state, log } = input;
    const worker = state as LineProcess;
    if (!worker.isAhead) makeScratch(input);
    const reply = worker.ask({ index, seed32: rng.seed32, params, item }, log);
    return reply instanceof Promise ? reply.then(outcomeOf) : outcomeOf(reply);
  };
  const ahead = ({ lo, hi, params, state, inputAt }: Ahead): void => {
    const worker = state as LineProcess;
    if (!worker.takesAhead) return;
    const questions: Question[] = [];
    for (let index = lo; index < hi && questions.length < MOST_IN_HAND; index += 1) {
      questions.push({ index, params, ...inputAt(index) });
    }
    worker.askAhead(questions);
  };
  return {
    setup() {
      for (const [name, hash] of Object.entries(spec.files)) checkFile(spec.directory, name, hash);
      return new LineProcess(spec);
    },
    // The one thing beside its function that this program knows of who calls it.
    evaluate: Object.assign(evaluate, { [Symbol.for('meshd.ahead')]: ahead }),
    teardown: ({ state }) => (state as LineProcess).end(),
  };
}

/**
 * Asking for the scratch folder, which the worker knows by its environment, makes it, and has it
 * emptied after the candidate. A worker with several candidates in hand keeps it for all of them.
 */
function makeScratch({ scratch: _ }: Input): void {}

function outcomeOf(reply: Reply): unknown {
  if ('value' in reply) return reply.value;
  if ('error' in reply) {
    throw withoutStack(new Error(String(reply.error)));
  }
  return undefined;
}

/** Of this program's lines nobody wants to know: the user's are in another language. */
function withoutStack(error: Error): Error {
  return Object.assign(error, { stack: '' });
}

function checkFile(directory: string, name: string, hash: string): void {
  const found = createHash('sha256')
    .update(readFileSync(join(directory, name)))
    .digest('hex');
  if (found !== hash)
    throw withoutStack(new Error(`${name} in ${directory} is another file on this machine`));
}

/** A line for the worker; one without an item leaves it out. */
interface Question {
  readonly index: number;
  readonly seed32: number;
  readonly params: unknown;
  readonly item: unknown;
}

/** A question that a worker has, and its answer. */
class InHand {
  /** Of its answer. */
  characters = 0;
  readonly #told = Promise.withResolvers<Reply>();
  #reply: Reply | undefined;

  constructor() {
    // Nobody may wait for it yet.
    this.#told.promise.catch(() => undefined);
  }

  /** The answer, at once where it is there. */
  get reply(): Reply | Promise<Reply> {
    return this.#reply ?? this.#told.promise;
  }

  /** A text: the line was no answer, and that is why. */
  answer(reply: Reply | string, line: string): void {
    this.characters = line.length;
    if (typeof reply === 'string') {
      this.#told.reject(withoutStack(new TypeError(`${reply}: ${line.slice(0, 100)}`)));
    } else {
      this.#reply = reply;
      this.#told.resolve(reply);
    }
  }
}

/** The worker process: a line in, a line out; what it writes to stderr is the candidate's log. */
class LineProcess {
  readonly #command: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Of a line that has not ended yet, and their bytes. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  /** What was logged of a line that has not ended yet. */
  #restOfLog = '';
  #log: ((line: string) => void) | null = null;
  /** What was asked and not answered yet. */
  readonly #open = new Map<number, InHand>();
  /** What was answered before its candidate's turn came. */
  readonly #early = new Map<number, InHand>();
  #earlyCharacters = 0;
  /** Its last answer said which candidate it was of: it may be asked for several. */
  #namesIndex = false;
  /** It was asked ahead once. */
  isAhead = false;
  /** It logged nothing: of one that does, each line is to stand with its candidate. */
  #isQuiet = true;
  /** The last that it wrote to stderr: why it ends, mostly. */
  #lastWords = '';
  #wasAsked = false;
  #isEnding = false;

  constructor({ command, directory }: WorkerSpec) {
    this.#command = command;
    // That of the executor is for Node, and seldom installed.
    const env = { ...process.env, LC_ALL: 'C.UTF-8' };
    this.#child = spawn(shellText(command), {
      ...{ shell: true, cwd: directory, env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stdout.on('data', (bytes: Buffer) => this.#hear(bytes));
    // One that goes on living without it can answer nothing more. If it ends, why is told soon.
    this.#child.stdout.on('end', () => setTimeout(() => this.#die('it closed its stdout'), END_MS));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#restOfLog + text).split('\n');
      const last = lines.pop() ?? '';
      this.#isQuiet = false;
      // Longer ones are cut anyway.
      this.#restOfLog = last.slice(0, MOST_LOG_CHARACTERS);
      for (const line of lines) if (line !== '') this.#log?.(line);
      this.#lastWords = [...lines, last].findLast((line) => line.trim() !== '') ?? this.#lastWords;
    });
    this.#child.on('error', (error) => this.#die(error.message));
    this.#child.on('close', (code, signal) => this.#die(signal ?? `exit code ${code}`));
    this.#child.stdin.on('error', () => undefined);
  }

  /** It is idle for want of questions soon, and may have more. */
  get takesAhead(): boolean {
    return this.#namesIndex && this.#isQuiet && this.#open.size < MOST_IN_HAND / 2 && !this.#isFull;
  }

  get #isFull(): boolean {
    return this.#early.size >= MOST_IN_HAND || this.#earlyCharacters > MOST_CHARACTERS_IN_HAND;
  }

  /** Asks what was not asked yet, as far as there is room. */
  askAhead(questions: readonly Question[]): void {
    let lines = '';
    for (const question of questions) {
      const { index } = question;
      if (this.#open.has(index) || this.#early.has(index)) continue;
      if (this.#open.size + this.#early.size >= MOST_IN_HAND) break;
      if (lines.length > MOST_CHARACTERS_IN_HAND) break;
      lines += this.#put(question);
    }
    if (lines === '') return;
    this.isAhead = true;
    this.#child.stdin.write(lines);
  }

  /** The answer to a question; at once where it was asked ahead and is there. */
  ask(question: Question, log: (line: string) => void): Reply | Promise<Reply> {
    const { index } = question;
    this.#log = log;
    const early = this.#early.get(index);
    if (early !== undefined) {
      this.#forget(index);
      return early.reply;
    }
    if (!this.#open.has(index)) {
      // Another interval begins: nobody comes for what was asked ahead in the one before.
      for (const other of this.#early.keys()) this.#forget(other);
      this.#child.stdin.write(this.#put(question));
    }
    return this.#turnOf(index, this.#open.get(index) as InHand);
  }

  /** Takes a question in hand. Returns its line. */
  #put(question: Question): string {
    this.#wasAsked = true;
    this.#open.set(question.index, new InHand());
    return `${JSON.stringify(question)}\n`;
  }

  #forget(index: number): void {
    this.#earlyCharacters -= this.#early.get(index)?.characters ?? 0;
    this.#early.delete(index);
  }

  async #turnOf(index: number, inHand: InHand): Promise<Reply> {
    try {
      return await inHand.reply;
    } finally {
      this.#forget(index);
      // What it logged before is in the other pipe, and is read in this turn of the loop.
      if (this.#open.size === 0) await turn();
    }
  }

  /** Tells the worker that no more is asked, and waits until it has ended. */
  async end(): Promise<void> {
    this.#isEnding = true;
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await once(this.#child, 'close');
  }

  #hear(bytes: Buffer): void {
    const end = bytes.lastIndexOf(LINE_FEED);
    if (end >= 0) {
      const lines = Buffer.concat([...this.#rest.splice(0), bytes.subarray(0, end)]);
      this.#restBytes = 0;
      const isWhole = isUtf8(lines);
      let from = 0;
      for (const line of lines.toString('utf8').split('\n')) {
        // Where all is UTF-8 no line is looked at by itself.
        const next = isWhole ? -1 : lines.indexOf(LINE_FEED, from);
        const own = isWhole ? lines : lines.subarray(from, next < 0 ? lines.length : next);
        this.#answer(line, isWhole || isUtf8(own));
        from = next + 1;
      }
    }
    const rest = bytes.subarray(end + 1);
    if (rest.length > 0) this.#rest.push(rest);
    this.#restBytes += rest.length;
    if (this.#restBytes <= MOST_BYTES) return;
    this.#rest = [];
    this.#restBytes = 0;
    this.#die('a line without end');
  }

  #answer(line: string, isText: boolean): void {
    const reply = replyOf(line);
    const named = (reply as { index?: unknown } | null)?.index;
    const [first] = this.#open.keys();
    if (first === undefined) return this.#die(`${STRAY}: ${line.slice(0, 100)}`, '');
    this.#namesIndex = named !== undefined;
    const index = named ?? (this.#open.size === 1 ? first : undefined);
    const inHand = this.#open.get(index as number);
    if (inHand === undefined) {
      return this.#die(
        named === undefined
          ? 'an answer without an index, behind answers that had one'
          : `an answer of index ${JSON.stringify(named)}, which it was not asked for`,
      );
    }
    this.#open.delete(index as number);
    this.#early.set(index as number, inHand);
    if (!isText) inHand.answer('a worker’s answer is not UTF-8', line);
    else inHand.answer(isClear(reply) ? reply : faultOf(line), line);
    this.#earlyCharacters += line.length;
  }

  /** No outcome: the executor ends with its worker, and another one tries the candidate. */
  #die(how: string, lastWords = this.#lastWords): void {
    if (this.#isEnding) return;
    const what = this.#wasAsked ? `the worker ${this.#command} ended` : 'the worker does not start';
    const words = lastWords.trim().slice(0, MOST_LAST_WORDS);
    const why = words === '' ? how : `${how}: ${words}`;
    process.stderr.write(`Error: ${what}: ${why}\n`, () => process.exit(1));
  }
}

/**
 * What the shell is given. It makes way for a command that is one program with its arguments: else
 * it would hold stdout open when its worker closes it.
 */
function shellText(command: string): string {
  const [, name] = ONE_PROGRAM.exec(command) ?? [];
  if (name === undefined || SHELL_WORDS.has(name) || process.platform === 'win32') return command;
  return `exec ${command}`;
}

/** A line that contradicts itself is no answer. */
function isClear(reply: Reply | null): reply is Reply {
  return reply !== null && WORDS.filter((word) => word in reply).length === 1;
}

/** Null for a line that is none of the three. */
function replyOf(line: string): Reply | null {
  try {
    const reply: unknown = JSON.parse(line);
    if (typeof reply !== 'object' || reply === null) return null;
    return WORDS.some((word) => word in reply) ? (reply as Reply) : null;
  } catch {
    return null;
  }
}

/** What is wrong with a line that is not one of the three. */
function faultOf(line: string): string {
  try {
    const reply: unknown = JSON.parse(line);
    if (typeof reply !== 'object' || reply === null || Array.isArray(reply)) {
      return 'a worker’s answer is no object, such as {"value":…}';
    }
    return WORDS.some((word) => word in reply)
      ? 'a worker’s answer has more than one of "value", "reject" and "error"'
      : 'a worker’s answer has no "value", "reject" or "error"';
  } catch {
    const word = /(?<=[[:,]\s*)-?(?:NaN|Infinity|None|True|False)\b/.exec(line)?.[0];
    return `a worker’s answer is not JSON${word === undefined ? '' : `, which has no ${word}`}`;
  }
}
