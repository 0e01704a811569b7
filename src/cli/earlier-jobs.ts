import type { OpenMesh } from '../control/open.ts';
import type { Job, JobRow } from '../node/mesh.ts';
import { type Context, tell } from './context.ts';
import { shortJob, visible } from './format.ts';

/**
 * Says which jobs earlier commands on the home left unfinished: a peer inside this process does
 * nothing for them. Nothing where a peer runs anyway. awaited: jobs that it does go on with.
 */
export async function tellEarlierJobs(
  context: Context,
  mesh: OpenMesh,
  own: Job | null,
  awaited: ReadonlySet<string> = new Set(),
): Promise<void> {
  if (!mesh.embedded || own === null) return;
  const rows = await mesh.jobs();
  const self = rows.find(({ job }) => job === own.id)?.owner;
  const left: JobRow[] = [];
  for (const row of rows) {
    if (row.owner !== self || row.status !== 'running' || row.notHere === null) continue;
    if (awaited.has(row.job)) continue;
    const { computation } = await mesh.job(row.job);
    // The same work under another id is being done.
    if (computation !== own.computation) left.push(row);
  }
  const [first] = left;
  if (first === undefined) return;
  const id = `${shortJob(first.job)}${context.homeWords}`;
  const text =
    left.length === 1
      ? `an earlier job is not done: ${visible(first.name)}. ` +
        `Go on with it: meshd attach ${id}. End it: meshd cancel ${id}`
      : `${left.length} earlier jobs are not done: see meshd jobs${context.homeWords}`;
  tell(context, text, { event: 'unfinished', jobs: left.map(({ job }) => job) });
}
