import { finalLines } from '../../core/answer.ts';
import { serves } from '../../core/duty.ts';
import type { JobState } from '../../core/job-state.ts';
import { isOfClass } from '../../core/manifest.ts';
import type { PeerState } from '../../core/peer-state.ts';
import { estimate } from '../../core/reach.ts';
import type { Progress } from '../mesh.ts';
import { acceptedOf, evaluatedOf, jobRow } from './reports.ts';

/** Time over which the rate of evaluations is taken, in ms. */
const WINDOW_MS = 5000;

/** Follows one job's figures over the last seconds for a progress line. */
export class ProgressMeter {
  readonly #samples: { readonly at: number; readonly evaluated: number }[] = [];

  readonly #home: string;

  /** home: the folder on whose disk the job is kept, for people. */
  constructor(home: string) {
    this.#home = home;
  }

  /** The figures now; now: the peer's clock in ms. */
  read(state: PeerState, job: JobState, now: number): Progress {
    const accepted = acceptedOf(job);
    const evaluated = evaluatedOf(job);
    const perSecond = this.#perSecond(now, job.computation.coverage.count());
    const rate = evaluated === 0 ? 0 : accepted / evaluated;
    const { remaining } = estimate(job);
    const live = livePeers(state, job, now);
    return {
      job: job.id,
      status: job.phase,
      lines: finalLines(job),
      accepted,
      target: job.manifest.target.count,
      evaluated,
      errors: job.computation.answers.errors,
      rate,
      rateError: evaluated === 0 ? 0 : Math.sqrt((rate * (1 - rate)) / evaluated),
      rateUpper: evaluated === 0 ? 1 : upperBound(accepted, evaluated),
      perSecond,
      peers: live.peers,
      slots: live.slots,
      etaSeconds: job.active && perSecond > 0 && accepted > 0 ? remaining / perSecond : null,
      waitsFor: waitsForRoom(state, job, this.#home) ?? waitsFor(state, job, live.slots),
    };
  }

  #perSecond(now: number, evaluated: number): number {
    this.#samples.push({ at: now, evaluated });
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > WINDOW_MS) {
      this.#samples.shift();
    }
    const [first] = this.#samples;
    if (first === undefined || now - first.at < 50) return 0;
    return ((evaluated - first.evaluated) * 1000) / (now - first.at);
  }
}

/**
 * 95 % upper bound of an acceptance rate: the rule of three with none accepted, else two standard
 * errors above the rate.
 * @see Hanley and Lippman-Hand, If nothing goes wrong, is everything all right?, JAMA 1983
 */
function upperBound(accepted: number, evaluated: number): number {
  if (accepted === 0) return Math.min(1, 3 / evaluated);
  const rate = accepted / evaluated;
  return Math.min(1, rate + 2 * Math.sqrt((rate * (1 - rate)) / evaluated));
}

/** Peers and slots that can evaluate a job. */
function livePeers(
  state: PeerState,
  job: JobState,
  now: number,
): { readonly peers: number; readonly slots: number } {
  const { spec, id } = job.computation;
  let peers = 0;
  let slots = 0;
  const { self, refuses } = state;
  const isHere = self.slots > 0 && !refuses.has(id) && serves(state, job);
  if (isHere && isOfClass(spec, self.mathClass)) {
    peers++;
    slots += self.slots;
  }
  for (const [, view] of state.roster.all()) {
    const { register } = view;
    if (state.roster.state(view, now) === 'dead' || !isOfClass(spec, register.mathClass)) continue;
    if (register.slots === 0 || register.refuses.includes(id)) continue;
    peers++;
    slots += register.slots;
  }
  return { peers, slots };
}

/** An answer that came to its end is told once it is on the disk. */
function waitsForRoom(state: PeerState, job: JobState, home: string): string | null {
  if (!state.diskFull) return null;
  // An end that nobody waits for, or that is on the disk.
  if (!job.active && state.stored >= (job.answerWrite ?? 0)) return null;
  return `room on the disk of ${home}`;
}

/** Why else a job does not go on, in words; null when it does. */
function waitsFor(state: PeerState, job: JobState, slots: number): string | null {
  if (!job.active) return null;
  if (job.paused) return 'resume: the job is paused';
  const frontier = job.computation.coverage.firstGap(0);
  const [stuck] = job.stuckBelow(frontier + 1);
  if (stuck !== undefined) return `index ${stuck}, which failed on every try`;
  const { peers, notHere } = jobRow(state, job, state.lastTick, 0);
  if (slots > 0 || peers > 0) return null;
  return notHere === null ? 'a peer with slots' : `another peer: ${notHere}`;
}
