import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads `+ GROUP` and `- GROUP`; when its stdin ends without a `.` before, it kills the groups, and
 * removes the folder that is its argument: again where one of them still wrote to it. `chmod` and
 * `rm` follow no link on their way down.
 */
const SCRIPT = `trap '' HUP INT TERM
all=' '
while read -r what group; do
  case $what in
    +) all="$all$group " ;;
    -) all="\${all%% $group *} \${all#* $group }" ;;
    .) exit 0 ;;
  esac
done
for group in $all; do kill -s KILL -- "-$group"; done 2>/dev/null
for again in 1 2 3; do
  [ -d "$1" ] || exit 0
  sleep 0.1
  chmod -R u+rwX -- "$1" 2>/dev/null
  rm -rf -- "$1" 2>/dev/null
done`;

/**
 * A shell that outlives its peer by a moment. When the peer is killed it kills the process groups
 * of executors: a leash ends an executor, but not what user code started. Then it removes their
 * scratch folders. Nothing on Windows, which has no process groups.
 */
export class Guardian {
  #shell: ChildProcess | null = null;
  #closed = false;
  readonly #scratch: string;

  /** scratch: the folder that executors leave behind. */
  constructor(scratch: string) {
    this.#scratch = scratch;
  }

  /** From now on a process group ends with this process. */
  watch(group: number): void {
    if (this.#closed || process.platform === 'win32') return;
    this.#shell ??= startShell(this.#scratch);
    this.#shell.stdin?.write(`+ ${group}\n`);
  }

  /** The group is gone: its number may be another one's soon. */
  forget(group: number): void {
    this.#shell?.stdin?.write(`- ${group}\n`);
  }

  /** Ends the shell without harm to the groups. */
  close(): void {
    this.#closed = true;
    this.#shell?.stdin?.end('.\n');
    this.#shell = null;
  }
}

function startShell(scratch: string): ChildProcess {
  // A session of its own: no Ctrl-C from the terminal, and not in any group that is killed.
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', scratch], {
    ...{ detached: true, cwd: '/', env: {} },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without it all goes on; only a killed peer may then leave something behind.
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  const { stdin } = shell as { stdin: typeof shell.stdin & { unref?: () => void } };
  stdin.unref?.();
  return shell;
}
