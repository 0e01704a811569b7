import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { JobReport, PeerRow, StatusReport, Summary } from '../../src/index.ts';
import { ENTRY } from './built.ts';

const LOOPBACK = '/ip4/127.0.0.1/tcp/0';

/** Where the processes of a home run. */
export interface Site {
  /** Goes before each command line: what enters the machine. */
  readonly prefix: readonly string[];
  /** Options of a peer that is new there. */
  readonly options: readonly string[];
  /** Added to this process's environment. */
  readonly env: NodeJS.ProcessEnv;
}

const THIS_MACHINE: Site = { prefix: [], options: ['--listen', LOOPBACK], env: {} };

/** What `start --json` says when the peer can work. */
interface Ready {
  readonly peer: string;
  readonly addresses: readonly string[];
  readonly invite: string;
}

/** What a command printed. */
export interface Printed {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under way. */
export class Command {
  readonly child: ChildProcess;
  readonly done: Promise<Printed>;
  stdout = '';
  stderr = '';
  readonly #watchers = new Set<() => void>();

  constructor(args: readonly string[], home: string, { prefix, env }: Site = THIS_MACHINE) {
    const line = [...prefix, process.execPath, ENTRY, ...args, '--home', home];
    this.child = spawn(line[0] ?? '', line.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      for (const watch of this.#watchers) watch();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      for (const watch of this.#watchers) watch();
    });
    this.done = once(this.child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  /** Resolves once what was printed so far satisfies a condition. */
  async until(condition: (command: Command) => boolean): Promise<void> {
    if (condition(this)) return;
    const { promise, resolve: met, reject } = Promise.withResolvers<void>();
    const watch = (): void => {
      if (condition(this)) met();
    };
    this.#watchers.add(watch);
    const ended = this.done.then(({ code, stderr }) => {
      if (condition(this)) met();
      else reject(new Error(`the command ended (exit ${code}) before that: ${stderr}`));
    });
    await Promise.race([promise, ended.then(() => promise)]);
    this.#watchers.delete(watch);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

/** A peer in a process of its own. */
export class PeerProcess {
  readonly home: string;
  readonly name: string;
  readonly command: Command;
  readonly ready: Promise<Ready>;

  constructor(lab: Lab, name: string, args: readonly string[]) {
    this.name = name;
    this.home = lab.home(name);
    this.command = new Command([...args, '--json', '--name', name], this.home, lab.site(name));
    const line = once(createInterface({ input: this.command.child.stdout as never }), 'line');
    this.ready = Promise.race([
      line.then(([text]) => JSON.parse(text as string) as Ready),
      this.command.done.then(({ code, stderr }) => {
        throw new Error(`peer ${name} ended (exit ${code}): ${stderr}`);
      }),
    ]);
    this.ready.catch(() => undefined);
  }

  get pid(): number {
    return this.command.child.pid ?? 0;
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.command.kill('SIGKILL');
    await this.command.done;
  }

  stop(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  proceed(): void {
    process.kill(this.pid, 'SIGCONT');
  }
}

/** Real peers on this machine's loopback, each with a home of its own under one folder. */
export class Lab implements AsyncDisposable {
  readonly folder: string;
  readonly #processes: PeerProcess[] = [];
  readonly #commands: Command[] = [];

  protected constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Lab> {
    return new Lab(await mkdtemp(join(tmpdir(), 'meshd-lab-')));
  }

  home(name: string): string {
    return join(this.folder, name);
  }

  /** Where the processes of a home run: on this machine, and nothing leaves it. */
  site(_name: string): Site {
    return THIS_MACHINE;
  }

  /** The first peer of a mesh; resolves when it can work. */
  async start(name: string, ...args: string[]): Promise<PeerProcess> {
    return this.#run(name, ['start', ...this.site(name).options, '--slots', '1', ...args]);
  }

  /** A peer that joins through these, or (none given) as its home remembers. */
  async join(
    name: string,
    through: readonly PeerProcess[],
    ...args: string[]
  ): Promise<PeerProcess> {
    const invites = await Promise.all(through.map(async (peer) => (await peer.ready).invite));
    return this.joinWith(name, invites, ...args);
  }

  /** A peer that joins by these words of the command line. */
  async joinWith(
    name: string,
    bootstrap: readonly string[],
    ...args: string[]
  ): Promise<PeerProcess> {
    const { options } = this.site(name);
    return this.#run(name, ['join', ...bootstrap, ...options, '--slots', '1', ...args]);
  }

  /** A peer that was there before comes back with nothing but its home. */
  async restart(name: string, ...args: string[]): Promise<PeerProcess> {
    return this.#run(name, ['join', '--slots', '1', ...args]);
  }

  /** Three peers a, b, c with one slot each that see one another. */
  async three(): Promise<[PeerProcess, PeerProcess, PeerProcess]> {
    const a = await this.start('a');
    const [b, c] = await Promise.all([this.join('b', [a]), this.join('c', [a])]);
    await this.sees('a', 3);
    await this.sees('b', 3);
    await this.sees('c', 3);
    return [a, b, c];
  }

  /** Starts a command on a peer's home. */
  command(home: string, ...args: string[]): Command {
    const command = new Command(args, this.home(home), this.site(home));
    this.#commands.push(command);
    return command;
  }

  /** Runs a command on a peer's home to its end. */
  run(home: string, ...args: string[]): Promise<Printed> {
    return this.command(home, ...args).done;
  }

  /** Publishes in the foreground; the summary is read from the file that the command wrote. */
  async publish(home: string, fn: string, ...args: string[]): Promise<Published> {
    return new Published(this, home, ['publish', fn, ...args]);
  }

  async peers(home: string): Promise<PeerRow[]> {
    return jsonLines(await this.run(home, 'peers', '--json')) as PeerRow[];
  }

  async status(home: string): Promise<StatusReport> {
    return jsonLines(await this.run(home, 'status', '--json'))[0] as StatusReport;
  }

  async show(home: string, job: string): Promise<JobReport> {
    return jsonLines(await this.run(home, 'show', job, '--json'))[0] as JobReport;
  }

  /** Resolves once a peer sees this many alive, itself included. */
  async sees(home: string, alive: number): Promise<void> {
    let rows: readonly PeerRow[] = [];
    const seen = (): string => rows.map(({ name, state, via }) => `${name} ${state} ${via}`).join();
    await poll(
      () => `${home} sees ${alive} peers alive (it sees ${seen()})`,
      async () => {
        rows = await this.peers(home);
        return rows.filter(({ state }) => state === 'alive').length === alive;
      },
    );
  }

  /** Resolves once a job satisfies a condition on a peer. */
  async shows(home: string, job: string, condition: (report: JobReport) => boolean): Promise<void> {
    await poll(`${home} shows ${job}`, async () => condition(await this.show(home, job)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const command of this.#commands) command.kill('SIGKILL');
    for (const peer of this.#processes) {
      peer.command.kill('SIGCONT');
      peer.command.kill('SIGKILL');
    }
    const all = [...this.#commands, ...this.#processes.map(({ command }) => command)];
    await Promise.all(all.map(({ done }) => done));
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #run(name: string, args: readonly string[]): Promise<PeerProcess> {
    const peer = new PeerProcess(this, name, args);
    this.#processes.push(peer);
    await peer.ready;
    return peer;
  }
}

let publications = 0;

/** A publication in the foreground. */
export class Published {
  readonly command: Command;
  readonly summaryFile: string;

  constructor(lab: Lab, home: string, args: readonly string[]) {
    this.summaryFile = join(lab.folder, `summary-${++publications}.json`);
    this.command = lab.command(home, ...args, '--summary', this.summaryFile);
  }

  /** Resolves once at least one line is printed. */
  async firstLine(): Promise<void> {
    await this.command.until(({ stdout }) => stdout.includes('\n'));
  }

  /** The job's id, as the command tells it on stderr, at least its first 12 digits. */
  async job(): Promise<string> {
    await this.command.until(({ stderr }) => /^job [0-9a-f]{12}/m.test(stderr));
    return /^job ([0-9a-f]+)/m.exec(this.command.stderr)?.[1] ?? '';
  }

  async end(): Promise<Printed & { readonly summary: Summary }> {
    const printed = await this.command.done;
    if (printed.code !== 0 && printed.code !== 5) {
      throw new Error(`publish ended with ${printed.code}: ${printed.stderr}`);
    }
    return { ...printed, summary: JSON.parse(await readFile(this.summaryFile, 'utf8')) as Summary };
  }
}

/** The objects of NDJSON on stdout. */
export function jsonLines({ stdout, code, stderr }: Printed): unknown[] {
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}

/** Asks again until the answer is yes. For what no event tells from outside. */
export async function poll(
  what: string | (() => string),
  ask: () => Promise<boolean>,
  withinMs: number = 60_000,
): Promise<void> {
  const until = performance.now() + withinMs;
  while (!(await ask())) {
    if (performance.now() <= until) continue;
    const text = typeof what === 'string' ? what : what();
    throw new Error(`not within ${withinMs / 1000} s: ${text}`);
  }
}

/** Processes whose parent is this one, by /proc. */
export async function childrenOf(pid: number): Promise<number[]> {
  const children: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = await readFile(`/proc/${entry}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      if (parent === pid) children.push(Number(entry));
    } catch {
      // It ended meanwhile.
    }
  }
  return children;
}

/** Those of them that evaluate candidates. */
export async function executorsOf(pid: number): Promise<number[]> {
  const children = await childrenOf(pid);
  const lines = await Promise.all(
    children.map((child) => readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '')),
  );
  return children.filter((_, k) => lines[k]?.includes('executor-child') === true);
}
