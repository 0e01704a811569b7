import { type ChildProcess, spawn } from 'node:child_process';
import { EXECUTOR_VARIABLE } from './executor-mark.ts';

/** What is watched: a process group, and the mark of what may have left it, or null for none. */
export interface Watched {
  readonly group: number;
  readonly mark: string | null;
}

/**
 * Reads `+ GROUP:MARK` and `- GROUP:MARK`; when its stdin ends without a `.` before, it kills the
 * groups, on Linux then all that has one of their marks in its environment (again, for one may have
 * forked meanwhile), and removes the folder that is its argument: again where one of them still
 * wrote to it. `chmod` and `rm` follow no link on their way down.
 */
const SCRIPT = `trap '' HUP INT TERM
all=' '
while read -r what each; do
  case $what in
    +) all="$all$each " ;;
    -) all="\${all%% $each *} \${all#* $each }" ;;
    .) exit 0 ;;
  esac
done
marks=
for each in $all; do
  kill -s KILL -- "-\${each%:*}"
  mark=\${each#*:}
  [ -z "$mark" ] || marks="$marks -e ${EXECUTOR_VARIABLE}=$mark"
done 2>/dev/null
for again in 1 2 3 4 5; do
  [ -n "$marks" ] || break
  left=$(grep -ls $marks /proc/[0-9]*/environ)
  [ -n "$left" ] || break
  for file in $left; do
    file=\${file#/proc/}
    kill -s KILL "\${file%/environ}"
  done
done 2>/dev/null
for again in 1 2 3; do
  [ -d "$1" ] || exit 0
  sleep 0.1
  chmod -R u+rwX -- "$1" 2>/dev/null
  rm -rf -- "$1" 2>/dev/null
done`;

/**
 * A shell that outlives its peer by a moment. When the peer is killed it kills the process groups
 * of executors: a leash ends an executor, but not what user code started; on Linux daemons, too,
 * that left their group. Then it removes their scratch folders. Nothing on Windows, which has no
 * process groups.
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
  watch(watched: Watched): void {
    if (this.#closed || process.platform === 'win32') return;
    this.#shell ??= startShell(this.#scratch);
    this.#shell.stdin?.write(`+ ${textOf(watched)}\n`);
  }

  /** The group is gone: its number may be another one's soon. */
  forget(watched: Watched): void {
    this.#shell?.stdin?.write(`- ${textOf(watched)}\n`);
  }

  /** Ends the shell without harm to the groups. */
  close(): void {
    this.#closed = true;
    this.#shell?.stdin?.end('.\n');
    this.#shell = null;
  }
}

function textOf({ group, mark }: Watched): string {
  return `${group}:${mark ?? ''}`;
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
