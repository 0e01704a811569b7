import { randomBytes } from 'node:crypto';
import type { OpenMesh } from '../../control/open.ts';
import type { Submission } from '../../node/jobs/submission.ts';
import { type Context, warn } from '../context.ts';
import { tellEarlierJobs } from '../earlier-jobs.ts';
import { visible } from '../format.ts';
import { warnMissing } from '../missing-paths.ts';
import type { BatchSource } from './batch-source.ts';
import type { CommandFlags } from './flags.ts';
import { type Gathering, gather } from './gather.ts';
import { isPiped } from './piping.ts';
import type { Planned } from './plan.ts';
import { ReturnedNames, type SharedName } from './returned-names.ts';
import { commandSubmission } from './submission.ts';
import { isTransfer, Offers, sharedReturn } from './transfer.ts';
import { makeWorkingFolder } from './working-folder.ts';

/** How long a publication that is under way at an interrupt may still take, in ms. */
const GRACE_MS = 3000;

/** What setTimeout takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What is to be published. */
export interface Publication {
  readonly first: readonly Planned[];
  readonly directory: string;
}

/** Publishes the commands of one run, job by job. */
export class Publisher {
  readonly #context: Context;
  readonly #flags: CommandFlags;
  readonly #directory: string;
  readonly #offers = new Offers();
  readonly #run = randomBytes(8).toString('hex');
  /** Jobs from then on are of this run, or of others beside it. */
  readonly #before = Date.now();
  readonly #startedAt = performance.now();
  /** What comes first, once it was looked at: its files are not read again. */
  #first: { readonly planned: readonly Planned[]; readonly submission: Submission } | null = null;
  /** Of the publication before, for names that two commands return. */
  #last: Planned | undefined;
  #isShared = false;
  #isLate = false;

  private constructor(context: Context, flags: CommandFlags, directory: string) {
    this.#context = context;
    this.#flags = flags;
    this.#directory = directory;
  }

  /** Looks at what comes first; nothing is published yet. @throws MeshError MESH_USAGE */
  static async of(
    context: Context,
    flags: CommandFlags,
    { first, directory }: Publication,
  ): Promise<Publisher> {
    const publisher = new Publisher(context, flags, directory);
    const submission = await publisher.#submission(first);
    const { needs } = submission;
    publisher.#first = { planned: first, submission };
    makeWorkingFolder(directory);
    warnMissing(context, '--allow-read', needs.reads);
    warnMissing(context, '--allow-write', needs.writes);
    publisher.#warnShared(first);
    return publisher;
  }

  /** Finds names that two commands bring back; null: that was said, or cannot be told. */
  get returned(): ReturnedNames | null {
    if (this.#isShared || !isTransfer(this.#flags)) return null;
    return new ReturnedNames(this.#directory);
  }

  /** --deadline was reached before all was published. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** Stops a source that is not over at --deadline. Returns what forgets that. */
  stopsAtDeadline(source: BatchSource): () => void {
    const { deadline } = this.#flags;
    if (deadline === undefined || deadline > MAX_TIMER_MS) return () => undefined;
    const leftMs = deadline - (performance.now() - this.#startedAt);
    const timer = setTimeout(() => {
      this.#isLate ||= !source.isOver;
      source.stop();
    }, leftMs);
    return () => clearTimeout(timer);
  }

  /** Publishes commands. isFirst: those that come first. */
  async publish(
    mesh: OpenMesh,
    planned: readonly Planned[],
    isFirst: boolean,
    signal?: AbortSignal,
  ): Promise<Gathering> {
    const known = this.#first?.planned === planned ? this.#first.submission : null;
    this.#first = null;
    const submission = known ?? (await this.#submission(planned));
    await this.#offers.give(this.#context.home);
    const { deadlineMs } = submission;
    const ageMs = isFirst ? 0 : performance.now() - this.#startedAt;
    const rest = deadlineMs === null ? {} : { deadlineMs: Math.max(1, deadlineMs - ageMs) };
    return gather(
      mesh,
      { ...submission, ...rest },
      {
        ...{ force: this.#flags.force === true, directory: this.#directory },
        ...{ before: this.#before, isApart: !isFirst, seqs: planned.map(({ seq }) => seq) },
        // Runs of stdin end their jobs at an interrupt.
        waits: !isPiped(this.#flags),
        ...(signal === undefined ? {} : { signal, giveUp: lateOf(signal) }),
        onWarning: (line) => warn(this.#context, line),
      },
    );
  }

  /** The same in a run that is followed. Null: it is late, and no more is published. */
  async publishMore(
    mesh: OpenMesh,
    planned: readonly Planned[],
    isFirst: boolean,
    signal: AbortSignal,
  ): Promise<Gathering | null> {
    const { deadline } = this.#flags;
    this.#isLate =
      !isFirst && deadline !== undefined && performance.now() - this.#startedAt >= deadline;
    if (this.#isLate) return null;
    if (!isFirst) this.#warnShared(planned);
    const gathering = await this.publish(mesh, planned, isFirst, signal);
    if (isFirst) await tellEarlierJobs(this.#context, mesh, gathering.job, gathering.others);
    return gathering;
  }

  #submission(planned: readonly Planned[]): Promise<Submission> {
    const { env } = this.#context.io;
    const place = { env, directory: this.#directory, offers: this.#offers, run: this.#run };
    return commandSubmission(planned, this.#flags, place);
  }

  /** Warns of commands that overwrite each other's files, as far as it is known before they run. */
  #warnShared(planned: readonly Planned[]): void {
    const last = this.#last === undefined ? [] : [this.#last];
    this.#last = planned.at(-1);
    if (this.#isShared) return;
    const shared = sharedReturn([...last, ...planned]);
    if (shared === null) return;
    this.#isShared = true;
    warn(this.#context, sharedText(shared, 'both return', 'overwrites'));
  }
}

/** That two commands return one name, for a person. */
export function sharedText(
  { name, first, second }: SharedName,
  both: string,
  does: string,
): string {
  const text = `--return: commands ${first} and ${second} ${both} ${visible(name)}, and one `;
  return `${text}${does} the other: name it by the argument, such as {/.}.out`;
}

/** Aborts a while after a signal. */
function lateOf(signal: AbortSignal): AbortSignal {
  const late = new AbortController();
  signal.addEventListener(
    'abort',
    () => setTimeout(() => late.abort(signal.reason), GRACE_MS).unref(),
    { once: true },
  );
  return late.signal;
}
