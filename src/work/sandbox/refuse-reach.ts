import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import workerThreads from 'node:worker_threads';

/**
 * From now on nobody in this process starts a thread, or reaches another process by a signal or a
 * priority. Node's own switch for threads is for the whole process, and the warden is a thread; for
 * signals it has none.
 */
export function refuseReach(): void {
  class RefusedWorker {
    constructor() {
      throw denied('no threads here.', 'WorkerThreads');
    }
  }
  Object.assign(workerThreads, { Worker: RefusedWorker });
  const raw = rawKill();
  const ownKill: RawKill = (pid, signal) => {
    if (pid === process.pid) return raw(pid, signal);
    throw denied('no signals to other processes.', 'Signal');
  };
  const refused = (): never => {
    throw denied('no other processes.', 'Signal');
  };
  Object.assign(process, { _kill: ownKill });
  Object.assign(process, { _debugProcess: refused, _debugEnd: refused });
  Object.assign(os, { setPriority: refused });
  syncBuiltinESMExports();
}

/** Sends a signal; 0, or the number of an error. What `process.kill` calls. */
type RawKill = (pid: number, signal: number) => number;

/** The way to all processes, for who holds it from before it is closed. */
export function rawKill(): RawKill {
  return (process as unknown as { readonly _kill: RawKill })._kill;
}

function denied(what: string, permission: string): Error {
  const error = new Error(`Access to this API has been restricted: ${what}`);
  return Object.assign(error, { code: 'ERR_ACCESS_DENIED', permission });
}
