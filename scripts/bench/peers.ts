import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Mesh } from '../../src/index.ts';

/** The entry file under test. MESHD_ENTRY names that of another build. */
export const ENTRY: string = resolve(process.env['MESHD_ENTRY'] ?? 'dist/cli/meshd.cjs');
/** The folder of that build. */
export const BUILD: string = dirname(dirname(ENTRY));
export const LOOPBACK = '/ip4/127.0.0.1/tcp/0';
const STOP_MS = 5000;

/** A peer in a process of its own. */
export interface BenchPeer {
  readonly name: string;
  readonly home: string;
  readonly id: string;
  readonly invite: string;
  readonly pid: number;
  /** Signals the peer alone, not its executors. */
  signal(name: NodeJS.Signals): void;
  readonly ended: Promise<unknown>;
}

/** The processes and the folder of the benchmark; closing it leaves neither behind. */
export class BenchPeers implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'meshd-bench-'));
  readonly #running = new Set<ChildProcess>();
  readonly #onExit = (): void => this.#clear();

  constructor() {
    process.on('exit', this.#onExit);
  }

  /** Starts a peer on loopback: in a new mesh, or through invites. more: options of its own. */
  async start(
    name: string,
    slots: number,
    invites: readonly string[] = [],
    more: readonly string[] = [],
  ): Promise<BenchPeer> {
    const home = join(this.folder, name);
    const verb = invites.length === 0 ? ['start'] : ['join', ...invites];
    const options = ['--listen', LOOPBACK, '--slots', String(slots), '--name', name];
    return this.#peer(name, home, [...verb, ...options, ...more]);
  }

  /** Starts a peer that was there before, on its home. */
  restart(name: string, slots: number, more: readonly string[] = []): Promise<BenchPeer> {
    const words = ['join', '--slots', String(slots), ...more];
    return this.#peer(name, join(this.folder, name), words);
  }

  async #peer(name: string, home: string, args: readonly string[]): Promise<BenchPeer> {
    const child = this.command([...args, '--json', '--home', home]);
    const { pid, stdout } = child;
    if (pid === undefined || stdout === null) throw new Error(`peer ${name} did not start`);
    const ended = once(child, 'close');
    const line = once(createInterface({ input: stdout }), 'line') as Promise<[string]>;
    const failed = ended.then(() => Promise.reject(new Error(`peer ${name} ended too soon`)));
    const [text] = await Promise.race([line, failed]);
    failed.catch(() => undefined);
    stdout.resume();
    const { peer, invite } = JSON.parse(text) as { peer: string; invite: string };
    return { name, home, id: peer, invite, pid, signal: (to) => child.kill(to), ended };
  }

  /** Starts a command, its stdout a pipe, its stderr unheard. */
  command(args: readonly string[]): ChildProcess {
    // What a killed peer leaves in the temporary folder goes with the benchmark's own.
    const env = { ...process.env, TMPDIR: this.folder };
    const stdio = ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore'];
    const child = spawn(process.execPath, [ENTRY, ...args], { env, stdio, detached: true });
    this.#running.add(child);
    child.once('close', () => this.#running.delete(child));
    return child;
  }

  /** Ends some of the peers and waits for it. */
  async end(peers: readonly BenchPeer[]): Promise<void> {
    for (const peer of peers) peer.signal('SIGTERM');
    const late = setTimeout(() => {
      for (const peer of peers) peer.signal('SIGKILL');
    }, STOP_MS);
    await Promise.all(peers.map(({ ended }) => ended));
    clearTimeout(late);
  }

  /** Stops all peers and waits for their end. */
  async stop(): Promise<void> {
    const children = [...this.#running];
    for (const child of children) {
      child.kill('SIGCONT');
      child.kill('SIGTERM');
    }
    const late = setTimeout(() => this.#killAll(), STOP_MS);
    const ends = children.map((child) => this.#running.has(child) && once(child, 'close'));
    await Promise.all(ends);
    clearTimeout(late);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    process.off('exit', this.#onExit);
    this.#clear();
  }

  #killAll(): void {
    for (const child of this.#running) child.kill('SIGKILL');
  }

  #clear(): void {
    this.#killAll();
    // Executors of a killed peer may be ending for a moment more.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** The library of the build under test, on a home. */
export async function openMesh(home: string): Promise<Mesh> {
  const library = (await import(pathToFileURL(join(BUILD, 'index.js')).href)) as {
    open: typeof import('../../src/index.ts').open;
  };
  return library.open({ home });
}

/** Resolves once a mesh sees this many peers alive, itself included; 30 s at most. */
export async function seesAlive(mesh: Mesh, count: number): Promise<void> {
  const until = performance.now() + 30_000;
  for (;;) {
    const rows = await mesh.peers();
    if (rows.filter(({ state }) => state === 'alive').length === count) return;
    if (performance.now() > until) throw new Error(`no ${count} peers alive within 30 s`);
    await sleep(50);
  }
}
