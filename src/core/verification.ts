import type { Answer, Part, PeerEvent } from './event.ts';
import type { JobId } from './ids.ts';
import { slotsOf } from './lease-book.ts';
import { outcomeKey, segmentOutcomes } from './outcome.ts';
import type { Verification } from './peer-state.ts';
import type { Segment } from './record.ts';
import { byHash, outcomesOf, writePart } from './segment-writer.ts';
import { busySlots } from './slots.ts';
import type { Turn } from './turn.ts';

/** Differences told to a client; the rest is disputed all the same. */
const MAX_DIFFERENT = 1000;

/** Evaluates ranges of a job again, each in a fresh executor, before any lease. */
export function beginVerification(turn: Turn, event: Extract<PeerEvent, { kind: 'verify' }>): void {
  const { request, job, ranges } = event;
  turn.state.verifications.set(request, {
    ...{ request, job, slots: slotsOf(turn.state, job), waiting: [...ranges], running: new Map() },
    ...{ dropped: false, checked: 0, different: [] },
  });
}

/** Starts ranges that wait, where there are slots with nothing to do. */
export function startVerifications(turn: Turn): void {
  const { state } = turn;
  let left = state.self.slots - busySlots(state);
  for (const verification of state.verifications.values()) {
    const job = state.jobs.get(verification.job);
    const { slots } = verification;
    while (left >= slots && job !== undefined) {
      const range = verification.waiting.shift();
      if (range === undefined) break;
      left -= slots;
      const id = state.nextLease++;
      verification.running.set(id, range);
      const [lo, hi] = range;
      const { computation, limits } = job;
      // Runs of many in one executor show what leaks from one to the next.
      turn.execute({ id, computation: computation.id, lo, hi, limits, fresh: true, each: false });
    }
  }
}

/** Compares outcomes that a verification came to; other executions are none of its business. */
export function takeVerified(turn: Turn, execution: number, part: Part): void {
  const verification = verificationOf(turn, execution);
  if (verification?.dropped === false) compare(turn, verification, part);
}

/** Frees the slot of a range, and answers the client once all of them are done. */
export function endVerified(turn: Turn, execution: number): void {
  const verification = verificationOf(turn, execution);
  if (verification === undefined) return;
  verification.running.delete(execution);
  if (verification.running.size > 0 || verification.waiting.length > 0) return;
  turn.state.verifications.delete(verification.request);
  const { request, dropped, checked, different } = verification;
  if (dropped) return;
  turn.emit({ kind: 'answer', request, result: { kind: 'verified', checked, different } });
}

/** Ends a verification that its client asks for no more: its executors are killed. */
export function dropVerification(turn: Turn, request: number): void {
  const verification = turn.state.verifications.get(request);
  if (verification === undefined || verification.dropped) return;
  verification.dropped = true;
  verification.waiting.length = 0;
  for (const execution of verification.running.keys()) {
    turn.emit({ kind: 'stop', execution, mode: 'kill' });
  }
  if (verification.running.size === 0) turn.state.verifications.delete(request);
}

/** Ends the verifications of a job, and tells their clients why. */
export function refuseVerifications(
  turn: Turn,
  job: JobId,
  refusal: Extract<Answer, { kind: 'refused' }>,
): void {
  for (const { request, job: id, dropped } of [...turn.state.verifications.values()]) {
    if (id !== job || dropped) continue;
    dropVerification(turn, request);
    turn.emit({ kind: 'answer', request, result: refusal });
  }
}

function verificationOf(turn: Turn, execution: number): Verification | undefined {
  for (const verification of turn.state.verifications.values()) {
    if (verification.running.has(execution)) return verification;
  }
  return undefined;
}

/** Compares a second evaluation with what is known; a difference becomes a dispute. */
function compare(turn: Turn, verification: Verification, part: Part): void {
  const job = turn.state.jobs.get(verification.job);
  if (job === undefined) return;
  const now = segmentOutcomes(
    part.accepted.flatMap((column) => byHash(turn, column)),
    part.errors,
  );
  for (let index = part.lo; index < part.hi; index++) {
    if (!job.computation.coverage.has(index)) continue;
    verification.checked++;
    const before = outcomeKey(job.computation.answers.get(index));
    const after = outcomeKey(now.get(index));
    if (before === after) continue;
    if (verification.different.length < MAX_DIFFERENT) {
      verification.different.push({ index, known: before, now: after });
    }
    const whole: Segment = { kind: 'segment', job: job.id, ...part, fresh: true };
    const one = { ...part, lo: index, hi: index + 1, ...outcomesOf(whole, (at) => at === index) };
    writePart(turn, job.computation.id, job.id, one, true);
  }
}
