import {
  answerCertificate,
  type CompleteAnswer,
  completeAnswer,
  draftCertificate,
  finalEnd,
  holdsAnswer,
} from './answer.ts';
import { keepEnd } from './end-entry.ts';
import type { Hash, JobId, PeerId } from './ids.ts';
import type { JobState } from './job-state.ts';
import { successorId, targetTuple } from './manifest.ts';
import { certificatePayload } from './record-codec.ts';
import { append } from './records.ts';
import type { Turn } from './turn.ts';

/** Ways to decide disputes that are held against a certificate. */
const MAX_WAYS = 64;

/** Certifies the touched jobs whose answer is whole, and notes which have ended. */
export function settleEnds(turn: Turn): void {
  for (const id of turn.touched) {
    const job = turn.state.jobs.get(id);
    if (job === undefined || !turn.state.booted) continue;
    const isOpen = job.ending === null && job.cancelled === null;
    if (isOpen && !job.hasTooManyErrors) certify(turn, job);
    if (isOpen) job.finalTo = Math.max(job.finalTo, finalEnd(job));
    if (job.ending !== null) checkEnding(turn, job);
    if (job.fixed || job.cancelled !== null) job.draft = null;
    if (!job.active && job.endedAt === null) noteEnd(turn, job);
  }
}

function certify(turn: Turn, job: JobState): void {
  const { commandsOf } = job.manifest.spec;
  // Which run of a command counts is the owner's word.
  if (commandsOf !== null && commandsOf !== turn.state.self.peer) return;
  const answer = completeAnswer(job);
  if (answer === null) {
    if (job.computation.isPure) draftCertificate(job, turn.env);
    return;
  }
  if (answer.skipped.length === 0) {
    const isSaid = job.endedBy !== null || !isAlive(turn, job.manifest.owner);
    if (job.firstEverStuck < answer.end && !isSaid) return;
    append(turn, 'control', certificateRecord(turn, job.id, job, answer));
    return;
  }
  const stuck = answer.skipped;
  const byHand = stuck.every((index) => job.skips.has(index));
  // What the owner said leaves out a line that is final here: its clients need another word.
  const isMine = job.manifest.owner === turn.state.self.peer || job.endedBy === 'own';
  if ((!isMine && !byHand) || stuck.some((index) => index < job.finalTo)) return;
  const id = successorId(job.id, stuck, turn.env.hash);
  append(turn, 'control', { kind: 'successor', predecessor: job.id, stuck });
  append(turn, 'control', certificateRecord(turn, id, job, answer));
  turn.log('warn', 'job.successor', { job: job.id, successor: id, skipped: stuck.length });
}

/**
 * Says whether another peer lives: an owner that does may have left out what was stuck before a
 * machine mastered it here. Then it alone says how its job ends.
 */
function isAlive({ state, now }: Turn, peer: PeerId): boolean {
  const view = state.roster.get(peer);
  return peer !== state.self.peer && view !== undefined && state.roster.state(view, now) !== 'dead';
}

function certificateRecord(
  turn: Turn,
  id: JobId,
  job: JobState,
  answer: CompleteAnswer,
): Parameters<typeof append>[2] {
  const certificate = sameAnswer(turn, job, answer) ?? answerCertificate(job, answer, turn.env);
  job.checked = true;
  job.fixed = true;
  job.computation.certify(answer.end);
  return {
    kind: 'certificate',
    job: id,
    certificate,
    end: answer.end,
    lines: answer.lines,
    signature: turn.env.sign(certificatePayload(id, certificate)),
  };
}

/**
 * The certificate of a job that asked the same before, or null. Its outcomes are fixed, and the
 * certificate says nothing of the job: nothing is hashed again.
 */
function sameAnswer({ state }: Turn, job: JobState, answer: CompleteAnswer): Hash | null {
  if (answer.skipped.length > 0 || !job.computation.isPure) return null;
  const question = String(targetTuple(job.manifest.target));
  for (const other of state.jobs.values()) {
    const { certificate } = other;
    if (other.computation !== job.computation || certificate === null) continue;
    if (String(targetTuple(other.manifest.target)) !== question) continue;
    const { end, lines } = certificate;
    const isWhole = end === answer.end && lines === answer.lines && other.endedBy === 'own';
    const isSure = other.fixed && other.checked && other.alarms.length === 0;
    if (isWhole && isSure) return certificate.certificate;
  }
  return null;
}

/**
 * Holds another peer's certificate against the own outcomes, once they are all here; from then on
 * no dispute changes them. What an earlier run has checked, and nobody disputes, is not hashed
 * again.
 */
function checkEnding(turn: Turn, job: JobState): void {
  const { ending, computation } = job;
  if (job.fixed || ending === null) return;
  const disputed = computation.disputedBelow(ending.end);
  if (disputed.length > 0 ? !holdsRivals(job, disputed) : !holdsAnswer(job)) return;
  // The owner's choice among runs is still to come.
  if (!computation.isPure && !job.checked && !matches(turn, job, disputed)) return;
  job.fixed = true;
  // With stuck indices that a machine mastered later, the lines here are not the successor's.
  const isOther = job.skipped.some((index) => computation.coverage.has(index));
  const isKnown = isOther || !computation.isPure || (job.checked && disputed.length === 0);
  const fits = isKnown || matches(turn, job, disputed);
  computation.certify(ending.end);
  if (!job.checked) {
    job.checked = true;
    if (job.endedAt !== null) keepEnd(turn, job);
  }
  if (fits) return;
  job.alarms.push(`the certificate ${ending.certificate.slice(0, 16)} is not what is known here`);
  turn.log('error', 'certificate.conflict', { job: job.id, certificate: ending.certificate });
}

/** Says whether all below the end has an outcome, or at least rivals to choose from. */
function holdsRivals(job: JobState, disputed: readonly number[]): boolean {
  const { ending, skipped, computation } = job;
  const known = computation.coverage.clone();
  for (const index of [...disputed, ...skipped]) known.add(index, index + 1);
  return ending !== null && known.covers(0, ending.end);
}

/**
 * Says whether the outcomes here are the certified ones. Of a disputed index they are those that
 * the certifier had, which need not be what the fresh runs that came later agree on.
 */
function matches(turn: Turn, job: JobState, disputed: readonly number[]): boolean {
  const { computation, ending } = job;
  if (ending === null) return false;
  const { end, lines } = ending;
  const isRight = (): boolean =>
    computation.answers.positionOf(end) >= lines &&
    answerCertificate(job, { end, lines, skipped: job.skipped }, turn.env) === ending.certificate;
  const before = disputed.map((index) => computation.answers.get(index));
  const rivals = disputed.map((index) => computation.disputes.rivals(index));
  // Most likely: settled before the certificate, or disputed after it.
  const open = new Set(computation.openDisputes());
  for (const [k, index] of disputed.entries()) {
    if (open.has(index)) computation.decide(index, rivals[k]?.[0]);
  }
  if (isRight()) return true;
  const ways = rivals.reduce((product, { length }) => product * length, 1);
  for (let way = 0; way < Math.min(ways, MAX_WAYS); way++) {
    let rest = way;
    for (const [k, index] of disputed.entries()) {
      const choices = rivals[k] ?? [];
      computation.decide(index, choices[rest % choices.length]);
      rest = Math.floor(rest / choices.length);
    }
    if (isRight()) return true;
  }
  for (const [k, index] of disputed.entries()) computation.decide(index, before[k]);
  return false;
}

function noteEnd(turn: Turn, job: JobState): void {
  job.endedAt = turn.state.wallMs;
  job.endHeardAt = turn.now;
  keepEnd(turn, job);
  turn.change(job.id);
  turn.log(turn.state.booted ? 'info' : 'debug', 'job.ended', { job: job.id, phase: job.phase });
}
