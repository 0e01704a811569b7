import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const STOP_MS = 3000;
const PORT_MS = 20_000;

/** Servers and workers of a system, each the leader of a group that ends with it. */
export class Processes implements AsyncDisposable {
  readonly #all = new Set<ChildProcess>();
  readonly #onExit = (): void => this.#killAll();

  constructor() {
    process.on('exit', this.#onExit);
  }

  /** Starts a process in a group of its own; stdin and stdout are unheard unless asked for. */
  start(program: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const stdio: SpawnOptions['stdio'] = ['ignore', 'ignore', 'ignore'];
    const child = spawn(program, args, { stdio, ...options, detached: true });
    // One that does not start at all says so by 'close', too.
    child.on('error', () => undefined);
    this.#all.add(child);
    child.once('close', () => this.#all.delete(child));
    return child;
  }

  /** SIGKILL to a process and its group; resolves when it has ended. */
  async kill(child: ChildProcess): Promise<void> {
    const isOver = this.#all.has(child) ? once(child, 'exit') : Promise.resolve();
    killGroup(child, 'SIGKILL');
    await isOver;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const children = [...this.#all];
    const ends = children.map((child) => once(child, 'close'));
    for (const child of children) killGroup(child, 'SIGTERM');
    const late = setTimeout(() => this.#killAll(), STOP_MS);
    await Promise.all(ends);
    clearTimeout(late);
    // What they had started may have outlived them.
    for (const child of children) killGroup(child, 'SIGKILL');
    process.off('exit', this.#onExit);
  }

  #killAll(): void {
    for (const child of this.#all) killGroup(child, 'SIGKILL');
  }
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody of the group is left.
  }
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Resolves once a port of 127.0.0.1 answers. @throws Error after 20 s */
export async function answers(port: number): Promise<void> {
  const late = performance.now() + PORT_MS;
  for (;;) {
    const socket = createConnection({ port, host: '127.0.0.1' });
    const opened = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (opened) return;
    if (performance.now() > late) throw new Error(`nothing answers on port ${port}`);
    await sleep(50);
  }
}

/** Whether a program is on the path: one that can be asked for its version. */
export function isThere(program: string, ...args: readonly string[]): boolean {
  const asked = args.length === 0 ? ['--version'] : args;
  return spawnSync(program, asked, { stdio: 'ignore' }).status === 0;
}
