import type { JobState } from '../../../src/core/job-state.ts';
import type { Machine } from '../world/machine.ts';
import type { UserJob } from '../world/users.ts';
import type { World } from '../world/world.ts';

/**
 * A long value of an answer that is nowhere, in words; null when there is none. Not that of a job
 * of which all holders that its user was told of are gone: it is told as lost, and cannot come back
 * where no machine has all that the job names. That a blob has rotted is found when it is
 * read, and not before.
 */
export function lostValue(
  world: World,
  job: UserJob,
  known: readonly (readonly [Machine, JobState])[],
): string | null {
  const { fired, live } = world;
  if (fired.has('rot')) return null;
  // Who kept the job for its time let the values go; a clock a day behind keeps it for longer.
  if (live.some(({ state }) => state?.tombstones.has(job.id) === true)) return null;
  for (const [machine, state] of known) {
    const end = state.ending?.end ?? 0;
    for (const [hash, index] of end === 0 ? [] : state.computation.long) {
      if (index >= end || !state.computation.names(hash)) continue;
      if (live.some((other) => other.blob(hash))) continue;
      // Who holds its values tells it as lost, where it is not or cannot be evaluated again; others
      // do not look for them.
      const isLeft =
        job.plan.commands === true || isGone(job, world) || !mayCome(job, index, known);
      const tells = isLeft ? known.map(([, other]) => other) : [];
      if (tells.some(({ computation }) => computation.missing.has(index))) continue;
      const { name } = machine.plan;
      return `${name} names the value of ${index} of job ${job.plan.number}, which nobody has`;
    }
  }
  return null;
}

/** Says whether a machine may evaluate a value: it has room, and came to nothing else there. */
function mayCome(
  { plan }: UserJob,
  index: number,
  known: readonly (readonly [Machine, JobState])[],
): boolean {
  return known.some(([{ id, state }, { computation }]) => {
    const hasRoom = (state?.self.slots ?? 0) >= (plan.needs?.cpus ?? 1);
    return hasRoom && !computation.isDeniedBy(id, index);
  });
}

/** Says whether as many disks are lost as a job was told to be on, and nobody has all it names. */
function isGone({ acknowledged, confirmed, blobs }: UserJob, world: World): boolean {
  const { live } = world;
  if (diskLosses(world) < Math.min(Math.max(acknowledged ?? 0, confirmed ?? 0), 3)) return false;
  return !live.some((machine) => blobs.every(({ hash }) => machine.blob(hash)));
}

/** Disks that lost something, or are gone with their machines. */
export function diskLosses({ counts, machines }: World): number {
  return (counts.get('disks damaged') ?? 0) + machines.filter(({ running }) => !running).length;
}
