import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Sandbox } from './sandbox/sandbox.ts';

/** After its exit, how long to wait for the last messages of an executor. */
const LAST_MESSAGES_MS = 1000;
/** What an exit code is above, where a sandbox passes a signal on. */
const SIGNAL_CODE = 128;

/**
 * Calls back once, after the exit and the last message. `error`: the process never started.
 * What is returned is to be called when the channel has ended.
 */
export function afterLastMessage(
  child: ChildProcess,
  channel: { readonly hasEnded: boolean },
  callback: (error: Error | null) => void,
): () => void {
  let exited = false;
  let told = false;
  let timer: NodeJS.Timeout | undefined;
  const tell = (error: Error | null) => {
    clearTimeout(timer);
    if (told) return;
    told = true;
    callback(error);
  };
  child.on('exit', () => {
    exited = true;
    killGroup(child);
    if (channel.hasEnded) tell(null);
    else timer = setTimeout(tell, LAST_MESSAGES_MS, null);
  });
  child.on('error', (error) => {
    if (child.pid === undefined) tell(error);
  });
  return () => {
    if (exited) tell(null);
  };
}

/** Kills a process at once, with all that is in its group. */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // No such group any more, or no groups on this system.
    child.kill('SIGKILL');
  }
}

/** What ended a process, for a person. A sandbox passes a signal on as an exit code. */
export function howEnded({ exitCode, signalCode }: ChildProcess, { tier }: Sandbox): string {
  const number = tier === 'bwrap' && exitCode !== null ? exitCode - SIGNAL_CODE : 0;
  const passed = Object.entries(constants.signals).find(([, each]) => each === number)?.[0];
  const signal = signalCode ?? passed;
  return signal === undefined ? `exit code ${exitCode}` : `signal ${signal}`;
}
