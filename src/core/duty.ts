import type { ComputationId, JobId, PeerId } from './ids.ts';
import type { JobState } from './job-state.ts';
import { grants, has, memoryShare, needsText, type Offer } from './needs.ts';
import type { PeerState } from './peer-state.ts';
import type { Turn } from './turn.ts';

/** Says whether a reference names a job: by name, or the beginning of its or its successor's id. */
export function isNamed(job: JobState, reference: string): boolean {
  return job.manifest.name === reference || hasIdFrom(job, reference);
}

/** Says whether the id of a job, or of its successor, begins so. */
export function hasIdFrom({ id, successor }: JobState, beginning: string): boolean {
  if (!/^[0-9a-f]+$/.test(beginning)) return false;
  return id.startsWith(beginning) || successor?.id.startsWith(beginning) === true;
}

/** Says whether this peer runs the jobs of a publisher: its own always. */
export function trusts({ self, trusted }: PeerState, publisher: PeerId): boolean {
  return trusted === null || publisher === self.peer || trusted.has(publisher);
}

/**
 * Says whether this peer works for a job: one that it trusts, whose needs it meets, and is not
 * there for another.
 */
export function serves(state: PeerState, job: JobState): boolean {
  if (!trusts(state, job.manifest.owner) || rests(state, job) || !meets(state, job)) return false;
  return state.only === null || isNamed(job, state.only);
}

/** Says whether this peer leaves an own job until somebody waits for it. */
export function rests({ self, wanted }: PeerState, { id, manifest }: JobState): boolean {
  return wanted !== null && manifest.owner === self.peer && !wanted.has(id);
}

/** Says whether this peer has, and grants, what a job needs; to its own user it grants all. */
function meets({ self, offer, kin, choosy }: PeerState, { id, manifest }: JobState): boolean {
  if (!choosy.has(id)) return true;
  const { owner, needs, limits } = manifest;
  if (!has(offer, self.slots, needs)) return false;
  const mostBytes = memoryShare(offer, self.slots, needs.cpus) ?? Number.POSITIVE_INFINITY;
  if ((limits.memoryBytes ?? 0) > mostBytes) return false;
  return owner === self.peer || kin.has(owner) || grants(offer, needs);
}

/** What a job needs, in words, where this peer does not have or grant all of it; else null. */
export function unmet(state: PeerState, job: JobState): string | null {
  if (meets(state, job)) return null;
  const { needs, limits } = job.manifest;
  const megabytes = limits.memoryBytes === null ? '' : `${limits.memoryBytes / 1e6} MB of memory`;
  return [needsText(needs), megabytes].filter((each) => each !== '').join(', ');
}

/** Says whether there are jobs that this peer may not work for. */
function isLimited({ only, wanted, trusted, choosy }: PeerState): boolean {
  return only !== null || wanted !== null || trusted !== null || choosy.size > 0;
}

/** Says whether a job that is not over, and that this peer works for, needs its computation. */
function needs(state: PeerState, job: JobState): boolean {
  return (job.active || job.lacksValues(state.self.peer)) && serves(state, job);
}

/** Says whether some job that this peer works for needs a computation. */
export function servesComputation(state: PeerState, computation: ComputationId): boolean {
  if (!isLimited(state)) return true;
  for (const job of state.jobs.values()) {
    if (job.computation.id === computation && needs(state, job)) return true;
  }
  return false;
}

/** From now on this peer works for the jobs that a reference names, and for no others. */
export function limitTo(turn: Turn, reference: string): void {
  const { state } = turn;
  state.only = reference;
  lookAgain(turn);
}

/** Somebody waits for a job: from now on this peer works for it, also if it is from before. */
export function wantJob(turn: Turn, job: JobId): void {
  const { wanted, jobs } = turn.state;
  if (wanted === null || wanted.has(job) || !jobs.has(job)) return;
  wanted.add(job);
  turn.change(job);
  turn.beat = true;
}

/** From now on this peer runs the jobs of these publishers and its own alone; null: all. */
export function trust(turn: Turn, peers: readonly PeerId[] | null): void {
  turn.state.trusted = peers === null ? null : new Set(peers);
  lookAgain(turn);
}

/** From now on this machine has this, and grants this to the jobs of others. */
export function takeOffer(turn: Turn, offer: Offer): void {
  turn.state.offer = offer;
  lookAgain(turn);
}

/** From now on the jobs of these peers need no grant. */
export function takeKin(turn: Turn, peers: readonly PeerId[]): void {
  turn.state.kin = new Set(peers);
  lookAgain(turn);
}

function lookAgain(turn: Turn): void {
  for (const job of turn.state.jobs.values()) turn.change(job.id);
  turn.beat = true;
}

/** To be called when a job comes or goes: what this peer refuses follows from what there is. */
export function noteJobs(turn: Turn): void {
  if (isLimited(turn.state)) turn.beat = true;
}

/** Computations that the others must not count on this peer for, sorted. */
export function refusals(state: PeerState): ComputationId[] {
  const refused = new Set(state.refuses.keys());
  if (isLimited(state)) {
    const jobs = [...state.jobs.values()];
    const needed = new Set(jobs.filter((job) => needs(state, job)).map(computationOf));
    for (const job of jobs) {
      if (job.active && !needed.has(computationOf(job))) refused.add(computationOf(job));
    }
  }
  return [...refused].sort();
}

function computationOf({ computation }: JobState): ComputationId {
  return computation.id;
}
