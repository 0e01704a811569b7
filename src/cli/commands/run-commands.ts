import { availableParallelism } from 'node:os';
import type { OpenMesh } from '../../control/open.ts';
import { MeshError } from '../../core/mesh-error.ts';
import { type Context, interruptSignal, print, tell, warn } from '../context.ts';
import { EXIT } from '../exit-code.ts';
import { waitForOthers } from '../follow.ts';
import { formatBytes, visible } from '../format.ts';
import { checkOutputs, writeWhole } from '../output-file.ts';
import { type Halt, parseHalt } from '../parallel/halt.ts';
import type { Template } from '../parallel/template.ts';
import { withMesh, withRunningPeer } from '../use-mesh.ts';
import { type BatchSource, OneBatch, StreamBatches } from './batch-source.ts';
import { Batches } from './batches.ts';
import type { CommandFlags } from './flags.ts';
import { tellInterrupted } from './interruption.ts';
import { isPiped } from './piping.ts';
import { type Planned, planCommands } from './plan.ts';
import { Publisher } from './publisher.ts';
import { CommandReport, tagOf } from './report.ts';
import { showAll } from './show-all.ts';
import { Spool } from './spool.ts';
import { shownFiles } from './transfer.ts';
import { workingFolder } from './working-folder.ts';

/** Most commands at once for each core with -j 0: each slot has a process of its own. */
const ALL_PER_CORE = 16;

/** A run of commands, read as far as it must be before a peer is started. */
interface Run {
  readonly source: BatchSource;
  readonly first: readonly Planned[];
  readonly columns: readonly string[];
  readonly halt: Halt;
  readonly directory: string;
  /** Keeps blocks of stdin (--pipe). */
  readonly spool: Spool | null;
}

/** Runs commands on the mesh, and shows what they leave in the order of their arguments. */
export async function runCommands(
  context: Context,
  words: readonly string[],
  flags: CommandFlags,
): Promise<number> {
  // All that can be wrong is found before a peer is started or anything is written.
  checkFlags(flags, context.json);
  const halt = parseHalt(flags.halt ?? 'never');
  const directory = workingFolder(flags);
  const { stdin } = context.io;
  if (flags.dryRun === true) {
    const { planned, coming, columns } = await planCommands(words, flags, stdin);
    const tag = tagOf(flags, columns);
    for await (const some of coming?.commands ?? [planned]) {
      for (const one of some) showPlanned(context, one, tag);
    }
    return EXIT.done;
  }
  if (isPiped(flags)) return runBlocks(context, words, flags, { halt, directory });
  const { planned, columns, coming } = await planCommands(words, flags, stdin);
  const source = coming === undefined ? new OneBatch(planned) : new StreamBatches(coming, null);
  return runFirst(context, flags, { source, columns, halt, directory, spool: null });
}

/** Runs a command for each block of stdin; what is kept of it goes, however it ends. */
async function runBlocks(
  context: Context,
  words: readonly string[],
  flags: CommandFlags,
  { halt, directory }: Pick<Run, 'halt' | 'directory'>,
): Promise<number> {
  const { stdin } = context.io;
  const spool = new Spool(context.home);
  const { coming } = await planCommands(words, flags, stdin, spool);
  if (coming === undefined) throw new Error('a plan of blocks has none');
  const interrupt = interruptSignal(context.io);
  const { signal } = interrupt;
  let isLeft = false;
  try {
    const run = { columns: [], halt, directory, spool };
    if (flags.detach === true) {
      // Nobody reads stdin any more once this process is gone.
      signal.addEventListener('abort', () => stdin.destroy(), { once: true });
      const source = new OneBatch((await Array.fromAsync(coming.commands)).flat());
      const code = await runFirst(context, flags, { ...run, source });
      isLeft = code === EXIT.done;
      return code;
    }
    const source = new StreamBatches(coming, spool, { mostKeptBytes: spool.mostBytes() });
    signal.addEventListener('abort', () => source.stop(), { once: true });
    return await runFirst(context, flags, { ...run, source }, interrupt);
  } catch (error) {
    if (!signal.aborted) throw error;
    tellInterrupted(context);
    return EXIT.interrupted;
  } finally {
    interrupt.release();
    if (!isLeft) await spool.clear();
  }
}

type Interruption = ReturnType<typeof interruptSignal>;

async function runFirst(
  context: Context,
  flags: CommandFlags,
  { source, columns, ...rest }: Omit<Run, 'first'>,
  interrupt?: Interruption,
): Promise<number> {
  const first = await source.next(() => ({ open: 0, slots: 1 }));
  interrupt?.signal.throwIfAborted();
  if (first === null) {
    tell(context, 'nothing to run', { event: 'ended', commands: 0 });
    return EXIT.done;
  }
  const run = { source, columns, first, ...rest };
  const publisher = await Publisher.of(context, flags, run);
  if (flags.detach === true) {
    return withRunningPeer(context, async (mesh) => {
      const { job } = await publisher.publish(mesh, first, true);
      await run.spool?.isFor(job === null ? [] : [job.id]);
      if (job === null) tell(context, 'all was known before', { event: 'known' });
      else print(context, job.id, { event: 'published', job: job.id });
      return EXIT.done;
    });
  }
  const slots = flags.jobs === undefined ? {} : { slots: slotsFor(flags.jobs, run) };
  const report = new CommandReport(context, flags, columns);
  const use = (mesh: OpenMesh): Promise<number> => {
    return follow(context, mesh, { ...run, flags, publisher, report }, interrupt);
  };
  try {
    return await withMesh(context, use, slots);
  } finally {
    await report.close();
  }
}

/** jobs: 0 is as many as there are. */
function slotsFor(jobs: number, { first, source }: Run): number {
  const commands = source.isOver ? first.length : Number.POSITIVE_INFINITY;
  return jobs > 0 ? jobs : Math.min(commands, ALL_PER_CORE * availableParallelism(), 1024);
}

/** Shows a command that would run, and its files. tag: what its lines begin with. */
function showPlanned(
  context: Context,
  { seq, args, command, files }: Planned,
  tag: Template | null,
): void {
  const { sends, returns } = shownFiles(files);
  const shown = sends.length + returns.length === 0 ? {} : { sends, returns };
  const mark = tag === null ? '' : `${tag(args, seq)}\t`;
  print(
    context,
    command.replace(/^/gm, () => mark),
    { command, ...shown },
  );
  if (context.json) return;
  const parts = [
    ...sends.map(({ path, bytes }) => `sends ${visible(path)} (${formatBytes(bytes)})`),
    ...returns.map((name) => `returns ${visible(name)}`),
  ];
  if (parts.length > 0) tell(context, `# ${parts.join(', ')}`, {});
}

function checkFlags(flags: CommandFlags, isJson: boolean): void {
  checkOutputs(flags);
  const { detach, out, summary, joblog, results, lineBuffer, ungroup } = flags;
  const live = lineBuffer === true ? '--line-buffer' : ungroup === true ? '--ungroup' : null;
  if (lineBuffer === true && ungroup === true) {
    throw new MeshError('MESH_USAGE', '--ungroup cannot be combined with --line-buffer');
  }
  const other = isJson ? '--json' : out !== undefined ? '--out' : results && '--results';
  if (flags.files === true && (live ?? (detach === true ? '--detach' : other))) {
    const text = '--files prints the names of files once they are whole; leave ';
    throw new MeshError('MESH_USAGE', `${text}${live ?? (other || '--detach')} out`);
  }
  if (flags.tmpdir !== undefined && flags.files !== true) {
    const text = '--tmpdir is for --files; what commands write is kept in the folder of --home';
    throw new MeshError('MESH_USAGE', text);
  }
  if (live !== null && (other || detach === true)) {
    const text = `${live} prints output as it comes; ${other || '--detach'} has none printed`;
    throw new MeshError('MESH_USAGE', text);
  }
  const given = out ?? summary ?? joblog ?? results;
  if (detach !== true || given === undefined) return;
  const text = `--detach waits for no output: ${given} would stay empty; see \`meshd attach\``;
  throw new MeshError('MESH_USAGE', text);
}

/** What is to be followed, and where it is shown. */
interface Order extends Run {
  readonly flags: CommandFlags;
  readonly publisher: Publisher;
  readonly report: CommandReport;
}

async function follow(
  context: Context,
  mesh: OpenMesh,
  order: Order,
  given?: Interruption,
): Promise<number> {
  const { flags, report, publisher, halt, source, first } = order;
  const startedAt = performance.now();
  if (flags.jobs !== undefined && !mesh.embedded) {
    const text =
      'a peer runs on this home, with slots of its own: -j is not for it; see `meshd slots`';
    warn(context, text);
  }
  const interrupt = given ?? interruptSignal(context.io);
  const { signal } = interrupt;
  /** An interrupt came before all was read, or ends commands of blocks. */
  let isCut = false;
  const stop = (): void => {
    isCut = order.spool !== null || !source.isOver;
    source.stop();
  };
  signal.addEventListener('abort', stop, { once: true });
  // Of stdin it may be long until more comes.
  const release = publisher.stopsAtDeadline(source);
  const batches = new Batches({
    ...{ source, first, jobs: flags.jobs },
    publish: (planned, isFirst) => publisher.publishMore(mesh, planned, isFirst, signal),
  });
  try {
    const parts = { flags, report, halt, returned: publisher.returned };
    const halted = await showAll(context, batches, parts, signal);
    // Nothing may have been under way.
    if (isCut) signal.throwIfAborted();
    report.end((performance.now() - startedAt) / 1000);
    const { summary } = batches;
    if (flags.summary !== undefined) {
      await writeWhole(flags.summary, { ...summary, ...report.tally }, signal);
    }
    const isWon = halted && halt.when !== 'never' && halt.why === 'success';
    const code = isWon ? EXIT.done : exitCode(batches, report, halted);
    await waitForOthers(context, mesh, signal);
    return publisher.isLate && code === EXIT.done ? EXIT.partial : code;
  } catch (error) {
    if (order.spool !== null) await endAll(batches);
    else await batches.stop();
    if (!signal.aborted) throw error;
    const [batch] = batches.open;
    const isOneJob = !isCut && batches.places === first.length;
    tellInterrupted(context, mesh, isOneJob ? (batch?.job ?? null) : null);
    return EXIT.interrupted;
  } finally {
    release();
    interrupt.release();
  }
}

/** Ends the jobs of a run: nobody gives them their blocks any more. */
async function endAll(batches: Batches): Promise<void> {
  await batches.stop();
  // Those that are over need no end.
  await Promise.allSettled(batches.open.map(({ job }) => job?.cancel()));
}

function exitCode({ summary }: Batches, { tally }: CommandReport, halted: boolean): number {
  if (!halted && summary?.status === 'cancelled') return EXIT.cancelled;
  if (!halted && summary?.status === 'partial') return EXIT.partial;
  return tally.failed > 0 || summary?.status === 'failed' ? EXIT.failed : EXIT.done;
}
