import { isNamed, rests, trusts, unmet } from '../../core/duty.ts';
import type { JobState } from '../../core/job-state.ts';
import { isOfClass } from '../../core/manifest.ts';
import type { PeerState } from '../../core/peer-state.ts';

/** Why this machine does not work on a job that goes on, in words; null when it does. */
export function whyNotHere(state: PeerState, job: JobState): string | null {
  if (!job.active) return null;
  const { computation, manifest } = job;
  const { owner } = manifest;
  if (!trusts(state, owner)) {
    const name = state.roster.get(owner)?.register.name;
    const publisher = name === undefined ? owner : `${name} (${owner})`;
    return `its publisher ${publisher} is not trusted on this machine`;
  }
  if (state.only !== null && !isNamed(job, state.only)) {
    return `this machine is there for ${JSON.stringify(state.only)} alone`;
  }
  if (rests(state, job)) return 'nobody waits for it: `meshd attach` does, or the same command';
  if (!isOfClass(computation.spec, state.self.mathClass)) {
    return `it needs Math class ${computation.spec.mathClass}, this machine has another`;
  }
  const needs = unmet(state, job);
  if (needs !== null) return `it needs ${needs}, which this machine does not have or grant`;
  switch (state.refuses.get(computation.id)) {
    case 'setup':
      return 'its program does not start on this machine: its log says why';
    case 'memory':
      return 'a candidate took more than the memory that --memory leaves a slot of this machine';
    default:
      return null;
  }
}
