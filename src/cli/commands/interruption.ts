import type { OpenMesh } from '../../control/open.ts';
import type { Job } from '../../node/mesh.ts';
import { type Context, tell } from '../context.ts';
import { tellDetached } from '../follow.ts';

/** Says what became of a run that was interrupted. job: goes on, or can. */
export function tellInterrupted(context: Context, mesh?: OpenMesh, job: Job | null = null): void {
  if (mesh !== undefined && job !== null) return tellDetached(context, mesh, job);
  tell(context, 'interrupted; what was done is kept, and the same command continues', {
    event: 'interrupted',
  });
}
