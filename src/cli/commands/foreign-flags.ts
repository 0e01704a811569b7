import type { ForeignFlag } from '../verb.ts';

const STDIN = 'stdin is not split: cut it with `split` and give the parts as arguments';
const MACHINES = 'commands run on the machines of the mesh: see `meshd join`';
const FITTING = 'give with -L how many lines a command takes';
const LOAD = 'a machine runs as many at once as it has slots: see -j, `meshd slots` and --memory';
const ONE = 'a command runs on one machine; --needs TAG says on which';
const RULES = 'use {.} {/} {//} {/.} {#}, or let the command compute it';

/** Options of GNU parallel that `run` knows and does not have. */
export const FOREIGN_FLAGS: readonly ForeignFlag[] = [
  ...refused(STDIN, '--pipe', '--spreadstdin', '--pipepart', '--pipe-part', '--block', '--recend'),
  ...refused(STDIN, '--recstart', '--round-robin', '--round', '--cat', '--fifo', '--tee'),
  ...refused(STDIN, '--skip-first-line', '--regexp', '--group-by', '--hash', '--shard', '--bin'),
  ...refused('arguments come after :::, files of them after ::::', '--arg-sep', '--arg-file-sep'),
  ...refused('give what stands between columns with --colsep', '--csv'),
  ...refused('--line-buffer shows what commands write', '--latestline, --ll', '--color, --colour'),
  ...refused('commands have no terminal', '--tty', '--open-tty', '--zenity'),
  ...refused('a command over its --timeout gets TERM, and KILL a second later', '--term-seq'),
  ...refused('commands see what `--env NAME` names', '--record-env', '--parset'),
  ...refused('a slot has no number on many machines: use {#}', '--process-slot-var'),
  ...refused(MACHINES, '-S, --sshlogin', '--slf, --sshloginfile', '--ssh', '--sshdelay'),
  ...refused(MACHINES, '-M, --controlmaster', '--rsync-opts', '--filter-hosts'),
  ...refused(ONE, '--onall', '--nonall', '--hgrp, --hostgroups'),
  ...refused(FITTING, '-l'),
  ...refused(LOAD, '--load', '--memfree', '--memsuspend', '--noswap', '--limit'),
  ...refused(RULES, '--rpl', '--parens', '--seqreplace', '-U'),
  ...refused('--line-buffer shows what commands write while they run', '--tmux, --tmuxpane'),
  ...refused(
    'it is not for one command: use `flock`',
    '--semaphore',
    '--sem, --fg',
    '--id',
    '--st',
  ),
  ...refused('--tag begins each line with the arguments', '--ctag', '--ctagstring'),
  ...refused('--results DIR writes outputs to files', '--files', '--tmpdir', '--compress'),
  ...refused('`meshd start --nice N` is for all that a machine runs', '--nice'),
  ...refused('--dry-run shows the commands before anything runs', '-p, --interactive'),
  ...refused('write the options into a script or an alias', '-J, --profile', '--shebang'),
  ...refused('--json or --out FILE gives JSON lines', '--sql', '--sqlmaster', '--sqlworker'),
  ...refused('--json or --out FILE gives JSON lines', '--sqlandworker'),
  // A command that is too long is an error in any case.
  ...['-x, --exit', '--will-cite', '--no-notice', '--gnu', '--group', '--silent'].map((flags) => ({
    flags,
    instead: null,
  })),
];

function refused(instead: string, ...all: readonly string[]): ForeignFlag[] {
  return all.map((flags) => ({ flags, instead }));
}
