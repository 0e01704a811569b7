import { availableParallelism } from 'node:os';
import type { OpenMesh } from '../../control/open.ts';
import { MeshError } from '../../core/mesh-error.ts';
import type { Submission } from '../../node/jobs/submission.ts';
import type { Job, Summary } from '../../node/mesh.ts';
import { type Context, interruptSignal, print, tell, warn } from '../context.ts';
import { tellEarlierJobs } from '../earlier-jobs.ts';
import { EXIT } from '../exit-code.ts';
import { tellDetached, waitForOthers } from '../follow.ts';
import { formatBytes, visible } from '../format.ts';
import { warnMissing } from '../missing-paths.ts';
import { checkOutputs, writeWhole } from '../output-file.ts';
import { type Halt, parseHalt } from '../parallel/halt.ts';
import { type ProgressView, progressView } from '../progress-view.ts';
import { withMesh, withRunningPeer } from '../use-mesh.ts';
import type { CommandFlags } from './flags.ts';
import { type Gathering, gather } from './gather.ts';
import { Halting } from './halting.ts';
import { showOutput, TurnOrder } from './live-view.ts';
import { type Plan, type Planned, planCommands } from './plan.ts';
import { CommandReport } from './report.ts';
import { ReturnedNames, type SharedName } from './returned-names.ts';
import { Spool } from './spool.ts';
import { commandSubmission } from './submission.ts';
import { isTransfer, Offers, sharedReturn, shownFiles } from './transfer.ts';
import { makeWorkingFolder, workingFolder } from './working-folder.ts';

/** Most commands at once for each core with -j 0: each slot has a process of its own. */
const ALL_PER_CORE = 16;

/** Runs commands on the mesh, and shows what they leave in the order of their arguments. */
export async function runCommands(
  context: Context,
  words: readonly string[],
  flags: CommandFlags,
): Promise<number> {
  // All that can be wrong is found before a peer is started or anything is written.
  checkFlags(flags, context.json);
  const halt = parseHalt(flags.halt ?? 'never');
  const { io } = context;
  const directory = workingFolder(flags);
  const spool = new Spool(context.home);
  if (flags.dryRun === true) {
    const { planned } = await planCommands(words, flags, io.stdin);
    for (const one of planned) showPlanned(context, one);
    return EXIT.done;
  }
  // What a mesh may still need of a run that does not wait for its end stays.
  let isNeeded = false;
  try {
    const plan = await planCommands(words, flags, io.stdin, spool);
    const code = await runPlanned(context, flags, { ...plan, halt, directory }, () => {
      isNeeded = true;
    });
    if (flags.detach !== true && code !== EXIT.interrupted) isNeeded = false;
    return code;
  } finally {
    if (!isNeeded) await spool.clear();
  }
}

/** publishes: is called before anything is published. */
async function runPlanned(
  context: Context,
  flags: CommandFlags,
  plan: Plan & { readonly halt: Halt; readonly directory: string },
  publishes: () => void,
): Promise<number> {
  const { io } = context;
  const { planned, columns, halt, directory } = plan;
  if (planned.length === 0) {
    tell(context, 'nothing to run', { event: 'ended', commands: 0 });
    return EXIT.done;
  }
  const offers = new Offers();
  const submission = await commandSubmission(planned, flags, { env: io.env, directory, offers });
  makeWorkingFolder(directory);
  warnMissing(context, '--allow-read', submission.needs.reads);
  warnMissing(context, '--allow-write', submission.needs.writes);
  const isShared = warnShared(context, planned);
  const force = flags.force === true;
  publishes();
  const onWarning = (line: string): void => warn(context, line);
  if (flags.detach === true) {
    return withRunningPeer(context, async (mesh) => {
      await offers.give(context.home);
      const { job } = await gather(mesh, submission, { force, directory, onWarning });
      if (job === null) tell(context, 'all was known before', { event: 'known' });
      else print(context, job.id, { event: 'published', job: job.id });
      return EXIT.done;
    });
  }
  const slots = flags.jobs === undefined ? {} : { slots: slotsFor(flags.jobs, planned.length) };
  const report = new CommandReport(context, flags, columns);
  const gathering = { force, directory, onWarning };
  const returned = isShared || !isTransfer(flags) ? null : new ReturnedNames(directory);
  const order = { returned, planned, flags, submission, offers, report, halt, gathering };
  try {
    return await withMesh(context, (mesh) => follow(context, mesh, order), slots);
  } finally {
    await report.close();
  }
}

/** jobs: 0 is as many as there are. */
function slotsFor(jobs: number, commands: number): number {
  return jobs > 0 ? jobs : Math.min(commands, ALL_PER_CORE * availableParallelism(), 1024);
}

/** Shows a command that would run, and its files. */
function showPlanned(context: Context, { command, files }: Planned): void {
  const { sends, returns } = shownFiles(files);
  const shown = sends.length + returns.length === 0 ? {} : { sends, returns };
  print(context, command, { command, ...shown });
  if (context.json) return;
  const parts = [
    ...sends.map(({ path, bytes }) => `sends ${visible(path)} (${formatBytes(bytes)})`),
    ...returns.map((name) => `returns ${visible(name)}`),
  ];
  if (parts.length > 0) tell(context, `# ${parts.join(', ')}`, {});
}

/** Warns of commands that overwrite each other's files, as far as it is known before they run. */
function warnShared(context: Context, planned: readonly Planned[]): boolean {
  const shared = sharedReturn(planned);
  if (shared !== null) warn(context, sharedText(shared, 'both return', 'overwrites'));
  return shared !== null;
}

function sharedText({ name, first, second }: SharedName, both: string, does: string): string {
  const text = `--return: commands ${first} and ${second} ${both} ${visible(name)}, and one `;
  return `${text}${does} the other: name it by the argument, such as {/.}.out`;
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
interface Order {
  readonly planned: readonly Planned[];
  readonly flags: CommandFlags;
  readonly submission: Submission;
  readonly offers: Offers;
  readonly report: CommandReport;
  /** Null: that commands overwrite each other's files was said. */
  readonly returned: ReturnedNames | null;
  readonly halt: Halt;
  readonly gathering: Pick<Parameters<typeof gather>[2], 'force' | 'directory' | 'onWarning'>;
}

async function follow(context: Context, mesh: OpenMesh, order: Order): Promise<number> {
  const { flags, report, submission, offers } = order;
  const startedAt = performance.now();
  if (flags.jobs !== undefined && !mesh.embedded) {
    const text =
      'a peer runs on this home, with slots of its own: -j is not for it; see `meshd slots`';
    warn(context, text);
  }
  const interrupt = interruptSignal(context.io);
  const { signal } = interrupt;
  let job: Job | null = null;
  try {
    await offers.give(context.home);
    const gathering = await gather(mesh, submission, { signal, ...order.gathering });
    job = gathering.job;
    await tellEarlierJobs(context, mesh, job);
    const halted = await showAll(context, gathering, order, signal);
    report.end((performance.now() - startedAt) / 1000);
    if (flags.summary !== undefined) {
      await writeWhole(flags.summary, await figures(job, report), signal);
    }
    const isWon = halted && order.halt.when !== 'never' && order.halt.why === 'success';
    const code = isWon ? EXIT.done : exitCode(await job?.summary(), report, halted);
    await waitForOthers(context, mesh, signal);
    return code;
  } catch (error) {
    if (!signal.aborted) throw error;
    tellInterrupted(context, mesh, job);
    return EXIT.interrupted;
  } finally {
    interrupt.release();
  }
}

/** Shows the results as they come. Returns whether --halt ended it. */
async function showAll(
  context: Context,
  gathering: Gathering,
  { planned, flags, report, halt, returned }: Order,
  signal: AbortSignal,
): Promise<boolean> {
  const { job } = gathering;
  const isShown = flags.bar === true || flags.eta === true;
  const view = isShown ? progressView(context) : waitView(context);
  const stop = new AbortController();
  const ended = AbortSignal.any([signal, stop.signal]);
  const progress = showProgress(job, view, ended);
  const isLive = flags.lineBuffer === true || flags.ungroup === true;
  const order = new TurnOrder(isLive && flags.keepOrder === true);
  const halting =
    halt.when === 'never' ? null : new Halting(context, gathering, halt, { planned, view, signal });
  const heard = halting === null ? ended : AbortSignal.any([ended, halting.quiet]);
  const live = isLive ? showOutput(gathering, { planned, report, view, order }, heard) : null;
  // It fails of what the results fail of, and is waited for behind them.
  live?.catch(() => undefined);
  const isOrdered = !isLive || flags.keepOrder === true;
  const open: Planned[] = [];
  let shared: SharedName | null = null;
  try {
    const settled = halting?.ended;
    const results = isOrdered ? gathering.results(settled) : gathering.asKnown(settled);
    for await (const found of results) {
      const one = planned[found.place];
      if (one === undefined) break;
      const result = halting === null ? found : await halting.taken(found);
      view.clear();
      await report.show(one, result);
      if (result.value !== undefined && shared === null) {
        shared = returned?.take(one, result.value) ?? null;
        if (shared !== null) warn(context, sharedText(shared, 'both brought back', 'overwrote'));
      }
      await order.next(result.place + 1);
      if (result.lost !== undefined) report.lost(one, result.lost);
      else if (result.value === undefined) open.push(one);
    }
  } finally {
    stop.abort();
    await Promise.all([progress, live]);
    view.clear();
  }
  const halted = (await halting?.ended) === true;
  if (open.length > 0 && job !== null && !halted) await tellLost(job, open, report);
  return halted;
}

/** Commands that ended their executor at every try are left out of the answer. */
async function tellLost(job: Job, open: readonly Planned[], report: CommandReport): Promise<void> {
  const { attempts, skipped, status } = await job.show();
  if (status !== 'done') return;
  const first = attempts.find(({ index }) => skipped.includes(index));
  const why = first === undefined ? 'it was left out' : `${first.kind} (${first.detail})`;
  for (const one of open) report.lost(one, why);
}

async function showProgress(
  job: Job | null,
  view: ProgressView,
  signal: AbortSignal,
): Promise<void> {
  if (job === null) return;
  try {
    for await (const progress of job.progress({ signal })) view.update(progress);
  } catch {
    // The results tell of the same fault, or the abort was wanted.
  }
}

/** Says only why nothing goes on, once. */
function waitView(context: Context): ProgressView {
  let told: string | null = null;
  return {
    update({ waitsFor }) {
      if (waitsFor !== null && waitsFor !== told) {
        tell(context, `waits for ${waitsFor}`, { event: 'waits', waitsFor });
      }
      told = waitsFor;
    },
    clear() {},
  };
}

async function figures(job: Job | null, { tally }: CommandReport): Promise<object> {
  return { ...(job === null ? {} : await job.summary()), ...tally };
}

function exitCode(summary: Summary | undefined, { tally }: CommandReport, halted: boolean): number {
  if (!halted && summary?.status === 'cancelled') return EXIT.cancelled;
  if (!halted && summary?.status === 'partial') return EXIT.partial;
  return tally.failed > 0 || summary?.status === 'failed' ? EXIT.failed : EXIT.done;
}

function tellInterrupted(context: Context, mesh: OpenMesh, job: Job | null): void {
  if (job !== null) return tellDetached(context, mesh, job);
  tell(context, 'interrupted; what was done is kept, and the same command continues', {
    event: 'interrupted',
  });
}
