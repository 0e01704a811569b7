import type { ChildProcess } from 'node:child_process';

/** After its exit, how long to wait for the last messages of an executor. */
const LAST_MESSAGES_MS = 1000;

/** Calls back once, after the exit and the last message. `error`: the process never started. */
export function afterLastMessage(
  child: ChildProcess,
  callback: (error: Error | null) => void,
): void {
  let exited = false;
  let told = false;
  let timer: NodeJS.Timeout | undefined;
  const tell = (error: Error | null) => {
    clearTimeout(timer);
    if (!told) callback(error);
    told = true;
  };
  child.on('disconnect', () => {
    if (exited) tell(null);
  });
  child.on('exit', () => {
    exited = true;
    killGroup(child);
    if (!child.connected) tell(null);
    else timer = setTimeout(tell, LAST_MESSAGES_MS, null);
  });
  child.on('error', (error) => {
    if (child.pid === undefined) tell(error);
  });
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
