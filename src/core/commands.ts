import type { Computation } from './computation.ts';
import type { JobId } from './ids.ts';
import type { Interval } from './interval-set.ts';
import type { JobState } from './job-state.ts';
import type { OwnLease, PeerState } from './peer-state.ts';
import type { Choice } from './record.ts';
import { choicePayload } from './record-codec.ts';
import type { PeerView } from './roster.ts';
import type { Turn } from './turn.ts';

/** Heartbeats for which the lease of a command stands unopposed before the command starts. */
const UNOPPOSED_BEATS = 2;

/** Commands at the start of a list that its publisher may claim before all others. */
const FIRST = 64;

/** Heartbeats after the publication in which it claims them. */
const FIRST_BEATS = 1;

/** Heartbeats for which others leave them to it: its leases are known by then. */
const LEFT_BEATS = 2;

/** Heartbeats after which it gives back those that it would not come to in two more. */
const KEPT_BEATS = 1;

/** Outcomes of commands are told so soon: what was not told runs again when its machine dies. */
export const COMMAND_TELL_MS = 50;

/**
 * For how long a claimed interval waits before it starts, in ms: a command is not to run twice, and
 * another peer may have claimed it at the same time. Functions start at once, and so does all that
 * this peer has for itself.
 */
export function waitsUnopposedMs(turn: Turn, { isPure }: Computation): number {
  if (isPure) return 0;
  const { state } = turn;
  const others = state.roster.all().some(([, view]) => mayClaim(turn, view));
  return others ? beats(state, UNOPPOSED_BEATS) : 0;
}

/**
 * The first commands of a list that this peer has just published: others leave them to it, so that
 * it may begin them as soon as it has claimed them. Null where they do not; another job over the
 * same commands may have been heard of before.
 */
export function firstCommands(turn: Turn, job: JobState): Interval | null {
  const { state, now } = turn;
  if (!job.isPublishedHere || now - job.heardAt >= beats(state, FIRST_BEATS)) return null;
  // Alone it begins all of them at once.
  if (waitsUnopposedMs(turn, job.computation) === 0 || !suitsAll(job)) return null;
  for (const other of state.jobs.values()) {
    if (other !== job && other.computation === job.computation) return null;
  }
  return [0, Math.min(FIRST, job.manifest.target.count)];
}

/**
 * Those of the first commands that this peer claimed and is to give back, for it does not come to
 * them soon: they take long, or its slots have other work.
 */
export function firstToGiveBack({ state, now }: Turn, open: readonly OwnLease[]): OwnLease[] {
  const waiting = open.filter(
    ({ purpose, startedAt }) => purpose === 'first' && startedAt === null,
  );
  const soonMs = beats(state, UNOPPOSED_BEATS);
  const late = waiting.filter(({ claimedAt }) => now - claimedAt >= beats(state, KEPT_BEATS));
  const kept = new Map<JobId, number>();
  return late.filter(({ lease: { job, computation } }) => {
    const place = kept.get(job) ?? 0;
    kept.set(job, place + 1);
    const { candidates = 0, milliseconds = 0 } = state.computations.get(computation) ?? {};
    return candidates === 0 || (place * milliseconds) / candidates >= soonMs * state.self.slots;
  });
}

/**
 * Says whether the commands of a short list are for others to claim while this peer has no slot
 * free for them: it has just given them back, or is about to.
 */
export function isForOthers({ state, now }: Turn, job: JobState): boolean {
  const { count } = job.manifest.target;
  if (!job.isPublishedHere || job.computation.isPure || !suitsAll(job) || count > FIRST)
    return false;
  return now - job.heardAt < beats(state, LEFT_BEATS + UNOPPOSED_BEATS);
}

/** Commands of another peer's new list that are left to it while it lives; null: none are. */
export function leftToPublisher(turn: Turn, job: JobState): Interval | null {
  const { state, now } = turn;
  const { commandsOf } = job.computation.spec;
  if (commandsOf === null || commandsOf === state.self.peer || !suitsAll(job)) return null;
  if (now - job.heardAt >= beats(state, LEFT_BEATS)) return null;
  const view = state.roster.get(commandsOf);
  return view !== undefined && mayClaim(turn, view) ? [0, FIRST] : null;
}

/** Says whether another peer lives and has slots. */
function mayClaim({ state, now }: Turn, view: PeerView): boolean {
  return view.register.slots > 0 && state.roster.state(view, now) !== 'dead';
}

/** Says whether any machine with a slot has what it takes to run it. */
function suitsAll({ manifest: { needs } }: JobState): boolean {
  return needs.cpus === 1 && needs.tags.length === 0;
}

function beats({ timing, roster }: PeerState, count: number): number {
  return count * timing.heartbeatMs * roster.spacing;
}

/** The owner's words on commands that ran twice: what it knew first counts. */
export function chooseFirst(
  turn: Turn,
  computation: Computation,
  indices: readonly number[],
): Choice[] {
  if (computation.spec.commandsOf !== turn.state.self.peer) return [];
  return indices.flatMap((index) => {
    const of = computation.recordAt(index);
    if (of === undefined) return [];
    const named = { computation: computation.id, index, of };
    return [{ kind: 'choice', ...named, signature: turn.env.sign(choicePayload(named)) }];
  });
}
