import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Host } from './host.ts';

const PROXY = join(import.meta.dirname, 'delay-proxy.ts');

/** Where a delayed way leads, and how late what goes there arrives. */
export interface DelayOptions {
  /** TCP port, the same on the machine that delays and on the target. */
  readonly port: number;
  readonly to: Host;
  /** One way, in ms: a round trip takes twice as long. */
  readonly delayMs: number;
}

/**
 * Makes a machine hand each TCP connection to its port on to another machine, late: the kernels
 * meant here cannot delay packets themselves. It ends with the lab, or when it is closed.
 */
export async function delayOn(on: Host, options: DelayOptions): Promise<AsyncDisposable> {
  const { port, to, delayMs } = options;
  const [tool = '', ...prefix] = on.prefix;
  const args = [process.execPath, PROXY, `${port}`, to.address, `${port}`, `${delayMs}`];
  const child = spawn(tool, [...prefix, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const started = once(child.stdout, 'data');
  const failed = ended.then(([code]) => {
    throw new Error(`the delay on ${on.name}, port ${port}, did not start (exit ${code})`);
  });
  failed.catch(() => undefined);
  await Promise.race([started, failed]);
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
