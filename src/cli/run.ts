import type { CommandFlags } from './commands/flags.ts';
import { FOREIGN_FLAGS } from './commands/foreign-flags.ts';
import {
  blockSize,
  displayName,
  jobPriority,
  memorySize,
  outputSize,
  secondsOrDurationMs,
  slotCount,
  trimmedEnds,
  wholeNumber,
} from './option-values.ts';
import { NEED_FLAGS } from './publication-flags.ts';
import type { Verb } from './verb.ts';

export const run: Verb<readonly [readonly string[]], CommandFlags> = {
  name: 'run',
  group: 'Publishing',
  summary: 'run a command once for each argument, as GNU parallel does',
  notes:
    'Arguments come after :::, from files after ::::, or from stdin, one a line. Several sources ' +
    'are combined; :::+ goes with the source before it. In the command {} is the argument, {.} ' +
    'without its ending, {/} without its folder, {//} its folder, {/.} both, {#} its number, {1} ' +
    'the first of several, {= s/a/b/ =} the argument changed as Perl does. What is put in is ' +
    'quoted for sh. {%} is the number of the machine’s slot that runs the command. Outputs come ' +
    'whole and in order. A command that succeeded is not run again while its text, its folder, ' +
    'the files that it was given and those that it wrote are as they were; --force runs all.',
  examples: [
    "meshd run 'gzip -c {} > {}.gz' ::: *.log",
    'meshd run -- convert -resize 50% {} {.}.png ::: *.jpg',
    "meshd run --tag 'wc -l < {}' :::: files.txt",
    "find . -name '*.c' | meshd run --joblog log -- cc -c {} -o {.}.o",
    "meshd run --pipe --block 10M grep -c ' 404 ' < access.log",
    'meshd run --dry-run -- ./simulate {1} {2} ::: 1 2 3 ::: low high',
  ],
  passesThrough: true,
  foreign: FOREIGN_FLAGS,
  positionals: [
    { name: '[words...]', help: 'the command, then ::: and arguments, or :::: and files of them' },
  ],
  flags: [
    {
      flags: '-a, --arg-file <file>',
      help: 'arguments, one a line',
      many: true,
      complete: 'file',
      also: ['--argfile <file>'],
    },
    {
      flags: '--arg-sep <text>',
      help: 'begins arguments in place of :::',
      also: ['--argsep <text>'],
    },
    {
      flags: '--arg-file-sep <text>',
      help: 'begins files of arguments in place of ::::',
      also: ['--argfilesep <text>'],
    },
    { flags: '-0, --null', help: 'arguments end with NUL, as `find -print0` writes them' },
    { flags: '-d, --delimiter <text>', help: 'what ends an argument (default: a line’s end)' },
    {
      flags: '-C, --colsep <regex>',
      help: 'what stands between the columns {1} {2} … of an argument',
      also: ['--col-sep <regex>'],
    },
    {
      flags: '-N, --max-replace-args <n>',
      help: 'so many arguments for each command; the word around {} is repeated',
      parse: wholeNumber(0, 1_000_000),
      also: ['--maxreplaceargs <n>'],
    },
    {
      flags: '-n, --max-args <n>',
      help: 'so many arguments for each command, all in one place',
      parse: wholeNumber(0, 1_000_000),
      also: ['--maxargs <n>'],
    },
    {
      flags: '-L, --max-lines <n>',
      help: 'so many lines for each command; as -N',
      parse: wholeNumber(1, 1_000_000),
      also: ['-l <n>', '--maxlines <n>'],
    },
    {
      flags: '-X',
      help: 'as many arguments as fit for each command; the word around {} is repeated',
    },
    { flags: '-m', help: 'the same, all in one place' },
    { flags: '--xargs', help: 'as -m, but the last command’s are not spread over all slots' },
    {
      flags: '-s, --max-chars <n>',
      help: 'with these, so many bytes of a command at most, its end included (default: 131072)',
      parse: wholeNumber(2, 1_000_000),
      also: ['--maxchars <n>'],
    },
    {
      flags: '--header <:>',
      help: 'first arguments name their columns: {name} …; with --pipe, also lines or a pattern',
    },
    { flags: '--shuf', help: 'in random order' },
    {
      flags: '--pipe',
      help: 'cut stdin into blocks of whole lines; each is the stdin of one command',
      also: ['--spreadstdin'],
    },
    {
      flags: '--pipepart',
      help: 'the same of the files of -a; 10 blocks for each slot if --block is not given',
      also: ['--pipe-part'],
    },
    {
      flags: '--block <size>',
      help: 'bytes of a block, such as 10M (default: 1M); with -N its records, with -L its lines',
      parse: blockSize,
      also: ['--block-size <size>', '--blocksize <size>'],
    },
    { flags: '--recend <text>', help: 'what ends a record, such as ; (default: a line’s end)' },
    { flags: '--recstart <text>', help: 'what begins a record, such as >' },
    {
      flags: '--regexp',
      help: '--recend and --recstart are regular expressions',
      also: ['--regex'],
    },
    {
      flags: '--bt, --block-timeout <duration>',
      help: 'after this time a block that is not full ends with its last whole record: 1, 10s',
      also: ['--blocktimeout <duration>'],
    },
    {
      flags: '--rrs',
      help: 'leave out of blocks what stands between records',
      also: ['--remove-rec-sep', '--removerecsep'],
    },
    { flags: '--cat', help: 'a block is a file that {} names, and the command has no stdin' },
    { flags: '--fifo', help: 'the same: a block is on the disk anyway' },
    {
      flags: '--trim <ends>',
      help: 'leave out white space of arguments: l, r or lr (default: n, and lr of columns)',
      parse: trimmedEnds,
    },
    { flags: '-E, --eof <text>', help: 'arguments end before this one' },
    {
      flags: '--link',
      help: 'take one of each source, instead of all combinations',
      also: ['--xapply'],
    },
    { flags: '-r, --no-run-if-empty', help: 'leave out empty arguments' },
    { flags: '-I, --replace <text>', help: 'what stands for the argument (default: {})' },
    {
      flags: '--plus',
      help:
        'also {..} {...} {/..} {/...}: two or three endings less; {+/} {+.} {+..}: the rest; ' +
        '{%.txt} {#a} {/x/y} {:2:3} {^^a}: as in bash',
    },
    {
      flags: '--rpl <rule>',
      help: 'another placeholder, and what it makes of an argument: "{-} s/-.*//"',
      many: true,
    },
    {
      flags: '--er <text>',
      help: 'in place of {.}',
      also: ['--extensionreplace <text>'],
    },
    { flags: '--bnr <text>', help: 'in place of {/}', also: ['--basenamereplace <text>'] },
    { flags: '--dnr <text>', help: 'in place of {//}', also: ['--dirnamereplace <text>'] },
    {
      flags: '--bner <text>',
      help: 'in place of {/.}',
      also: ['--basenameextensionreplace <text>'],
    },
    { flags: '--seqreplace <text>', help: 'in place of {#}' },
    { flags: '--slotreplace <text>', help: 'in place of {%}' },
    { flags: '-q, --quote', help: 'quote the command too: no part of it is for the shell' },
    {
      flags: '-j, --jobs <n>',
      help:
        'commands at once, of a peer that starts in this process: 8, or from the cores: 50%, +2, ' +
        '-1; 0: all, at most 16 a core (default: one per core)',
      parse: slotCount,
      also: ['-P, --max-procs <n>', '--maxprocs <n>'],
    },
    {
      flags: '-k, --keep-order',
      help: 'with --line-buffer: in order all the same; else nothing, output comes in order anyway',
      also: ['--keeporder'],
    },
    {
      flags: '--lb, --line-buffer',
      help: 'print each line as it is written, from whatever command',
      also: ['--linebuffer', '--line-buffered'],
    },
    { flags: '-u, --ungroup', help: 'print output as it comes, also within a line; without --tag' },
    { flags: '-v, --printed', help: 'print each command before its output' },
    { flags: '-t, --verbose', help: 'the same, on stderr' },
    { flags: '--tag', help: 'begin each line of output with the arguments' },
    {
      flags: '--tagstring <text>',
      help: 'begin it with this, such as {/} or {#}',
      also: ['--tag-string <text>'],
    },
    {
      flags: '--joblog <file>',
      help: 'write what ran there, as GNU parallel does',
      complete: 'file',
      also: ['--jl <file>'],
    },
    { flags: '--resume', help: 'leave out what is in the job log' },
    {
      flags: '--resume-failed',
      help: 'leave out what succeeded by the job log',
      also: ['--resumefailed'],
    },
    {
      flags: '--results <folder>',
      help:
        'write each output to a file there, not to stdout; of a name that ends in .csv, .tsv or ' +
        '.json, a row for each command',
      complete: 'folder',
      also: ['--result <folder>', '--res <folder>'],
    },
    {
      flags: '--files',
      help: 'write each output to a new file, and print its name',
      also: ['--output-as-files'],
    },
    {
      flags: '--tmpdir <folder>',
      help: 'where these files go (default: that for temporary files)',
      complete: 'folder',
      also: ['--tempdir <folder>'],
    },
    {
      flags: '--retries <n>',
      help: 'times that a command that fails is tried in all (default: 1)',
      parse: wholeNumber(1, 1000),
    },
    {
      flags: '--halt <when>',
      help:
        'soon,fail=1: start no more once one has failed; now,fail=1: end those that run, too; ' +
        'also success=1, fail=10%, done=3',
      also: ['--halt-on-error <when>', '--haltonerror <when>'],
    },
    {
      flags: '--timeout <duration>',
      help:
        'longest time of a command, such as 90 (seconds), 10m or 1h30m; 200%: of the median of ' +
        'those that succeeded on its machine',
    },
    {
      flags: '--delay <duration>',
      help: 'least time between two starts on one slot',
    },
    {
      flags: '--wd, --workdir <folder>',
      help: 'run commands there, not in this folder; ...: each in an empty one, removed afterwards',
      complete: 'folder',
      also: ['--work-dir <folder>'],
    },
    {
      flags: '--transfer',
      help: 'send the arguments that are files; each command runs in a folder of its own',
    },
    {
      flags: '--tf, --transferfile <pattern>',
      help: 'send this file, such as {.}.dat',
      many: true,
      also: ['--transfer-file <pattern>', '--transferfiles <pattern>'],
    },
    {
      flags: '--bf, --basefile <file>',
      help: 'send this file with every command',
      many: true,
      complete: 'file',
    },
    {
      flags: '--return <pattern>',
      help: 'a file that the command makes, such as {.}.png or out/*: it is fetched',
      many: true,
    },
    { flags: '--cleanup', help: 'keep no copy of what was sent' },
    {
      flags: '--trc <pattern>',
      help: '--transfer --return PATTERN --cleanup',
      many: true,
    },
    { flags: '--env <name>', help: 'a variable of this shell that commands see', many: true },
    {
      flags: '--max-output <size>',
      help: 'end a command that writes more, such as 500kB or 2GB (default: 1GB)',
      parse: outputSize,
    },
    {
      flags: '--memory <size>',
      help: 'most memory of a slot’s processes, from 128MB on',
      parse: memorySize,
    },
    ...NEED_FLAGS,
    { flags: '--dry-run', help: 'print the commands; run nothing', also: ['--dryrun', '--dr'] },
    { flags: '--force', help: 'run also what succeeded before' },
    {
      flags: '--bar',
      help: 'show progress and the time left; where stderr is no terminal, a line every 5 s',
      also: ['--progress'],
    },
    { flags: '--eta', help: 'the same' },
    {
      flags: '--deadline <duration>',
      help: 'end with a partial answer after this time, such as 90 (seconds) or 2h; exit 5',
      parse: secondsOrDurationMs,
    },
    { flags: '--priority <p>', help: '-10 to 10 (default: 0)', parse: jobPriority },
    { flags: '--name <name>', help: 'name of the job (default: the command)', parse: displayName },
    {
      flags: '--out <file>',
      help: 'write JSON lines there, not outputs to stdout',
      complete: 'file',
    },
    {
      flags: '--summary <file>',
      help: 'write the job in figures there: one JSON object',
      complete: 'file',
    },
    { flags: '--detach', help: 'print the job’s id and leave it to the running peer' },
  ],
  async run(context, [words], flags) {
    const { runCommands } = await import('./commands/run-commands.ts');
    return runCommands(context, words, flags);
  },
};
