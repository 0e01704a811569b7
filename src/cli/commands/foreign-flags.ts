import type { ForeignFlag } from '../verb.ts';

const FEWER = 'a command reads one block to its end; for fewer commands give a larger --block';
const WHOLE = 'keep stdin in a file, and let each command read it: `COMMAND {} < FILE` ::: …';
const KEYS = 'sort or split by the key before, as with `awk`, and give a command for each file';
const MACHINES = 'commands run on the machines of the mesh: see `meshd join`';
const LOAD = 'a machine runs as many at once as it has slots: see -j, `meshd slots` and --memory';
const ONE = 'a command runs on one machine; --needs TAG says on which';
const LOCK = 'it is not for one command: use `flock`, and the shell’s `&` and `wait`';
const SYSTEM = '`nproc` and `getconf ARG_MAX` tell it';
const VERSION = 'this is not GNU parallel: see `meshd --version`';
const CORES = '-j says how many commands run at once: 8, 50%, -1';
const JSON_LINES = '--json or --out FILE gives JSON lines';
const SLOT = 'commands find the number of their slot in $PARALLEL_JOBSLOT: see {%}';
const FAILED = '`meshd show JOB --errors` has what failed';

/** Options of GNU parallel that `run` knows and does not have. */
export const FOREIGN_FLAGS: readonly ForeignFlag[] = [
  ...refused(FEWER, '--round-robin, --round', '--roundrobin'),
  ...refused(WHOLE, '--tee'),
  ...refused(KEYS, '--shard', '--bin', '--group-by, --groupby'),
  ...refused('use `tail -n +2` before --pipe', '--skip-first-line'),
  ...refused('give what stands between columns with --colsep', '--csv'),
  ...refused('--line-buffer shows what commands write', '--latestline, --ll', '--latest-line'),
  ...refused(FAILED, '--color, --colour', '--color-failed, --cf', '--colour-failed'),
  ...refused('commands have no terminal', '--tty', '-o, --open-tty', '--zenity'),
  ...refused('a command over its --timeout gets TERM, and KILL a second later', '--term-seq'),
  ...refused('a command over its --timeout gets TERM, and KILL a second later', '--termseq'),
  ...refused('commands see what `--env NAME` names', '--record-env', '--parset', '--session'),
  ...refused(SLOT, '--process-slot-var', '--processslotvar'),
  ...refused(MACHINES, '-S, --sshlogin', '--slf, --sshloginfile', '--ssh', '--sshdelay'),
  ...refused(MACHINES, '-M, --controlmaster', '--rsync-opts', '--filter-hosts', '--ssh-delay'),
  ...refused(ONE, '--onall', '--nonall', '--hgrp, --hostgroups'),
  ...refused(LOAD, '--load', '--memfree', '--memsuspend', '--noswap', '--limit'),
  ...refused('give with -I what stands for the argument', '-i'),
  ...refused('expressions stand between {= and =}', '--parens'),
  ...refused('give with --er what stands for {.}', '-U'),
  ...refused('give with -E what ends the arguments', '-e'),
  ...refused('leave the arguments out before, as with `grep`', '--filter'),
  ...refused('let the command make the file, as with `sed`', '--tmpl, --template'),
  ...refused('it is printed by --dry-run; bash has printf %q', '--shellquote, --shell-quote'),
  ...refused('give --resume-failed, with the same command', '--retry-failed', '--retryfailed'),
  ...refused('--line-buffer shows what commands write while they run', '--tmux, --tmuxpane'),
  ...refused('--line-buffer shows what commands write while they run', '--tmux-pane'),
  ...refused(LOCK, '--semaphore', '--sem, --fg', '--id', '--st', '--bg', '--wait'),
  ...refused(LOCK, '--semaphorename, --semaphore-name', '--semaphoretimeout, --semaphore-timeout'),
  ...refused('--tag begins each line with the arguments', '--ctag', '--ctagstring'),
  ...refused('`meshd start --nice N` is for all that a machine runs', '--nice'),
  ...refused('--dry-run shows the commands before anything runs', '-p, --interactive'),
  ...refused(
    'write the options into a script or an alias',
    '-J, --profile',
    '--shebang',
    '--embed',
  ),
  ...refused(JSON_LINES, '--sql', '--sqlmaster', '--sqlworker', '--sqlandworker'),
  ...refused(SYSTEM, '--number-of-cpus', '--number-of-cores', '--number-of-threads'),
  ...refused(SYSTEM, '--number-of-sockets', '--max-line-length-allowed', '--show-limits'),
  ...refused(CORES, '--use-cpus-instead-of-cores', '--use-cores-instead-of-threads'),
  ...refused(CORES, '--use-sockets-instead-of-threads'),
  ...refused(VERSION, '--min-version, --minversion', '-V, --version'),
  ...refused('there is nothing to cite', '--citation, --bibtex'),
  // A command that is too long is an error in any case; so many jobs there are.
  ...taken('-x, --exit', '--will-cite, --willcite', '--no-notice', '--nonotice, --nn', '--gnu'),
  ...taken(
    '--compress',
    '--compress-program <name>',
    '--group',
    '--silent',
    '--plain',
    '--total-jobs, --total <n>',
    '--no-keep-order',
  ),
];

function refused(instead: string, ...all: readonly string[]): ForeignFlag[] {
  return all.map((flags) => ({ flags, instead }));
}

/** They mean nothing here. */
function taken(...all: readonly string[]): ForeignFlag[] {
  return all.map((flags) => ({ flags, instead: null }));
}
