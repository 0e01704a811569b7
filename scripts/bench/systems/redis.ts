import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { answers, freePort, type Processes } from './processes.ts';

/** A redis-server of one's own on loopback, with its defaults, its files in a folder. */
export class Redis {
  readonly port: number;
  readonly #folder: string;
  readonly #processes: Processes;
  #child: ChildProcess | undefined;

  private constructor(port: number, folder: string, processes: Processes) {
    this.port = port;
    this.#folder = folder;
    this.#processes = processes;
  }

  /** It ends with `processes`. */
  static async start(folder: string, processes: Processes): Promise<Redis> {
    const port = await freePort();
    const own = join(folder, `redis-${port}`);
    mkdirSync(own, { recursive: true });
    const redis = new Redis(port, own, processes);
    await redis.restart();
    return redis;
  }

  async restart(): Promise<void> {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder];
    this.#child = this.#processes.start('redis-server', args);
    await answers(this.port);
  }

  async kill(): Promise<void> {
    if (this.#child !== undefined) await this.#processes.kill(this.#child);
  }
}
