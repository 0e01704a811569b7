import type { OpenMesh } from '../control/open.ts';
import type { Job, JobRow } from '../node/mesh.ts';
import { type Context, tell } from './context.ts';
import { shortJob, visible } from './format.ts';

/**
 * Says which other jobs a peer inside this process takes up again: those that an earlier command
 * on the home left unfinished, and those of its mesh. Nothing where a peer runs anyway.
 */
export async function tellMeanwhile(
  context: Context,
  mesh: OpenMesh,
  own: Job | null,
): Promise<void> {
  if (!mesh.embedded) return;
  const others: JobRow[] = [];
  for (const row of await mesh.jobs()) {
    if (row.status !== 'running' || row.notHere !== null) continue;
    const { computation } = await mesh.job(row.job);
    // The same work under another id is no other work.
    if (computation !== own?.computation) others.push(row);
  }
  const [first] = others;
  if (first === undefined) return;
  const { name, job } = first;
  const text =
    others.length === 1
      ? `job ${shortJob(job)} (${visible(name)}) is not done and goes on here meanwhile`
      : `${others.length} jobs are not done and go on here meanwhile: see \`meshd jobs\``;
  tell(context, text, { event: 'meanwhile', jobs: others.map((other) => other.job) });
}
