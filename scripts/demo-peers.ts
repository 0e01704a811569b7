import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Summary } from '../src/node/mesh.ts';

const ENTRY = 'dist/cli/meshd.cjs';
const READY_MS = 20_000;
const STOP_MS = 5_000;
const COLLECT_MS = 1_000;

/** A peer of the demo: one process, leader of a process group with its executors. */
export interface DemoPeer {
  readonly name: string;
  readonly home: string;
  readonly id: string;
  readonly invite: string;
  /** SIGKILL to the whole group: what a power cut of that machine would be. */
  kill(): void;
}

/** What one `meshd publish` gave. */
export interface DemoRun {
  readonly summary: Summary;
  /** The bytes of its stdout. */
  readonly stdout: Buffer;
  /** SHA-256 of them, 64 hexadecimal digits. */
  readonly digest: string;
}

/** The processes and the folder of one demo. Closing it leaves neither behind. */
export class DemoPeers {
  readonly root: string = mkdtempSync(join(tmpdir(), 'meshd-demo-'));
  readonly #running = new Set<ChildProcess>();
  readonly #onExit = (): void => this.#clear();

  constructor() {
    // The last resort, for an exit that goes round close().
    process.on('exit', this.#onExit);
  }

  /** Starts a peer with one slot on loopback: in a new mesh, or in the invite's. */
  async start(name: string, invite?: string): Promise<DemoPeer> {
    const home = join(this.root, name);
    const verb = invite === undefined ? ['start'] : ['join', invite];
    const listen = ['--listen', '/ip4/127.0.0.1/tcp/0', '--slots', '1', '--name', name];
    const child = this.#spawn([...verb, '--json', ...listen, '--home', home]);
    const ready = await readyLine(child, name);
    return {
      name,
      home,
      id: ready.peer,
      invite: ready.invite,
      kill: () => signal(child, 'SIGKILL'),
    };
  }

  /** Runs `meshd publish` to its end. @throws Error with its last words when it does not exit 0. */
  async publish(home: string, args: readonly string[]): Promise<DemoRun> {
    const summaryFile = join(this.root, `${createHash('sha256').update(home).digest('hex')}.json`);
    const child = this.#spawn(['publish', ...args, '--summary', summaryFile, '--home', home]);
    const stdout: Buffer[] = [];
    const words = lastWords(child);
    child.stdout?.on('data', (bytes: Buffer) => stdout.push(bytes));
    const [code, ended] = (await once(child, 'close')) as [number | null, string | null];
    if (code !== 0) throw new Error(`meshd publish ended with ${code ?? ended}\n${words()}`);
    const bytes = Buffer.concat(stdout);
    const digest = createHash('sha256').update(bytes).digest('hex');
    const summary = JSON.parse(readFileSync(summaryFile, 'utf8')) as Summary;
    return { summary, stdout: bytes, digest };
  }

  /** Stops the peers, then removes their homes. */
  async close(): Promise<void> {
    const children = [...this.#running];
    for (const child of children) signal(child, 'SIGTERM');
    const late = setTimeout(() => this.#killAll(), STOP_MS);
    await Promise.all(children.map((child) => this.#running.has(child) && once(child, 'close')));
    clearTimeout(late);
    this.#clear();
    process.off('exit', this.#onExit);
  }

  #spawn(args: readonly string[]): ChildProcess {
    // TMPDIR: what a killed peer leaves in the temporary folder goes with the demo's own.
    const env = Object.entries(process.env).filter(([key]) => !key.startsWith('MESHD_'));
    const child = spawn(process.execPath, [ENTRY, ...args], {
      env: { ...Object.fromEntries(env), TMPDIR: this.root },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#running.add(child);
    child.once('close', () => this.#running.delete(child));
    return child;
  }

  #killAll(): void {
    for (const child of this.#running) signal(child, 'SIGKILL');
  }

  #clear(): void {
    this.#killAll();
    // Executors of a killed peer may be writing for a moment more.
    rmSync(this.root, {
      recursive: true,
      force: true,
      maxRetries: 10,
      retryDelay: COLLECT_MS / 10,
    });
  }
}

/** Signals a child's process group; one that is gone already is fine. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function readyLine(
  child: ChildProcess,
  name: string,
): Promise<{ peer: string; invite: string }> {
  if (child.stdout === null) throw new Error('no stdout');
  const words = lastWords(child);
  const timeout = AbortSignal.timeout(READY_MS);
  const lines = createInterface({ input: child.stdout, signal: timeout });
  for await (const line of lines) {
    const event = JSON.parse(line) as { event: string; peer: string; invite: string };
    if (event.event !== 'ready') continue;
    child.stdout.resume();
    return event;
  }
  const why = timeout.aborted ? `was not ready after ${READY_MS / 1_000} s` : 'ended';
  throw new Error(`the peer ${name} ${why}\n${words()}`);
}

/** Keeps the end of a child's stderr, for the case that it fails. */
function lastWords(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    text = (text + part).slice(-2_000);
  });
  return () => text.trimEnd();
}
