import type { JobId } from '../../src/core/ids.ts';
import { SmallMesh } from '../sim/small-mesh.ts';
import type { Machine } from '../sim/world/machine.ts';
import { type Program, scattered } from '../sim/world/program.ts';

/** Commands of 20 ms each. */
export const PROGRAM: Program = scattered(1, 20);

/** Commands come to something else at each run, and say where they ran. */
export function runsTellWhere(mesh: SmallMesh): void {
  let runs = 0;
  for (const machine of mesh.peers) {
    const { name } = machine.plan;
    const written = (): { outcome: string } => ({ outcome: `run ${runs++} at ${name}` });
    machine.alters = (program) => ({ ...program, written });
  }
}

/** Two peers that were parted until both had run all of a job's commands. */
export function inTwoParts(): { mesh: SmallMesh; owner: Machine; other: Machine; id: JobId } {
  const mesh = new SmallMesh({ peers: 2 });
  runsTellWhere(mesh);
  mesh.pass(2000);
  const [owner, other] = [mesh.peer(0), mesh.peer(1)];
  const { id } = mesh.publish(owner, { program: PROGRAM, accept: 200, commands: true });
  const starts = (): boolean => mesh.evaluations().some(({ peer }) => peer === other.id);
  mesh.until('work at the other', starts);
  mesh.partition([owner], [other]);
  const all = (peer: Machine): boolean => mesh.job(peer, id)?.computation.coverage.count() === 200;
  mesh.until('all ran at both', () => all(owner) && all(other));
  return { mesh, owner, other, id };
}
