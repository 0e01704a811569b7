import module, { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import v8 from 'node:v8';
import workerThreads from 'node:worker_threads';
import { denied } from './denied.ts';
import { refuseSockets } from './refuse-sockets.ts';

/**
 * From now on nobody in this process starts a thread, or reaches another process by a signal, a
 * priority or a socket with a path, or writes a file by SQLite or a flag of V8. Node's own switch
 * for threads is for the whole process, and the warden is a thread; for the others it has none.
 */
export function refuseReach(): void {
  const { apply } = Reflect;
  const own = process.pid;
  const refuse = denied;
  const refused = (what: string, permission: string) =>
    // Not an arrow: some of these are called with `new`.
    function refusal(): never {
      throw refuse(what, permission);
    };
  const noThread = refused('no threads here.', 'WorkerThreads');
  const noProcess = refused('no other processes.', 'Signal');
  Object.assign(workerThreads, { Worker: noThread });
  // It runs what it is given in a thread of its own, where nothing of this is refused.
  Object.assign(module, { register: noThread });
  // Some name files that V8 then writes.
  Object.assign(v8, { setFlagsFromString: refused('no flags of V8.', 'Flags') });
  const raw = rawKill();
  const ownKill: RawKill = (pid, signal) => {
    if (pid === own) return apply(raw, process, [pid, signal]);
    throw refuse('no signals to other processes.', 'Signal');
  };
  Object.assign(process, { _kill: ownKill });
  Object.assign(process, { _debugProcess: noProcess, _debugEnd: noProcess });
  Object.assign(os, { setPriority: noProcess });
  refuseDatabases(refused('no SQLite, which opens any file.', 'SQLite'));
  refuseSockets();
  syncBuiltinESMExports();
}

/** SQLite opens files by itself, also those that a statement names. */
function refuseDatabases(refusal: () => never): void {
  const { emitWarning } = process;
  // It would warn of being an experiment.
  process.emitWarning = () => undefined;
  const sqlite = process.getBuiltinModule('node:sqlite') as object | undefined;
  process.emitWarning = emitWarning;
  for (const [name, value] of Object.entries(sqlite ?? {})) {
    if (typeof value === 'function') Object.assign(sqlite ?? {}, { [name]: refusal });
  }
}

/** Sends a signal; 0, or the number of an error. What `process.kill` calls. */
type RawKill = (pid: number, signal: number) => number;

/** The way to all processes, for who holds it from before it is closed. */
export function rawKill(): RawKill {
  return (process as unknown as { readonly _kill: RawKill })._kill;
}
