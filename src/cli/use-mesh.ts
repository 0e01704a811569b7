import { existsSync } from 'node:fs';
import type { OpenMesh } from '../control/open.ts';
import { MeshError } from '../core/mesh-error.ts';
import type { Job, Mesh } from '../node/mesh.ts';
import { type Context, warn } from './context.ts';
import { visible } from './format.ts';
import { logTo } from './log-line.ts';

/** Does something through the peer that runs on this home. @throws MeshError MESH_NO_PEER */
export async function withRunningPeer<T>(
  { home }: Context,
  use: (mesh: OpenMesh) => Promise<T>,
): Promise<T> {
  const { connectControl } = await import('../control/client.ts');
  const mesh = await connectControl(home);
  if (mesh === null) throw noPeer(home);
  return use(mesh);
}

/** Likewise, but on a home where no peer runs one is started inside this process. */
export async function withMesh<T>(
  context: Context,
  use: (mesh: OpenMesh) => Promise<T>,
  options: { slots?: number } = {},
): Promise<T> {
  const { open } = await import('../control/open.ts');
  const mesh = await open({ home: context.home, onLog: logTo(context, 'warn'), ...options });
  try {
    if (mesh.embedded && options.slots !== 0 && (await isMember(mesh))) {
      await warnUnheld(context, mesh);
    }
    return await use(mesh);
  } finally {
    await mesh.close();
  }
}

/** A machine that cannot hold what others run on it says so at once. */
export async function warnUnheld(context: Context, mesh: Pick<Mesh, 'status'>): Promise<void> {
  const { slots, sandbox } = await mesh.status();
  if (slots > 0 && sandbox.unheld !== null) warn(context, sandbox.unheld);
}

/** On a home of no mesh nothing of others runs. */
function isMember(mesh: OpenMesh): Promise<boolean> {
  return mesh.invite().then(
    () => true,
    () => false,
  );
}

/**
 * Does something with a job that exists; a home without anything in it is left so.
 * @throws MeshError MESH_NO_PEER, MESH_UNKNOWN_JOB with the nearest name, MESH_AMBIGUOUS
 */
export function withJob<T>(
  context: Context,
  reference: string,
  use: (job: Job, mesh: OpenMesh) => Promise<T>,
  options: { slots?: number } = {},
): Promise<T> {
  checkHome(context);
  return withMesh(context, async (mesh) => use(await findJob(mesh, reference), mesh), options);
}

/** @throws MeshError MESH_NO_PEER when the home does not exist, as nothing can be known there. */
export function checkHome({ home }: Context): void {
  if (!existsSync(home)) throw noPeer(home);
}

function noPeer(home: string): MeshError {
  const text = `no peer runs on ${visible(home)}: start one with \`meshd start\`, or give --home`;
  return new MeshError('MESH_NO_PEER', text);
}

async function findJob(mesh: OpenMesh, reference: string): Promise<Job> {
  try {
    return await mesh.job(reference);
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== 'MESH_UNKNOWN_JOB') throw error;
    const { nearest } = await import('./nearest.ts');
    const names = (await mesh.jobs()).flatMap(({ job, name }) => [name, job]);
    const near = nearest(reference, names);
    const hint = near === null ? 'see `meshd jobs`' : `did you mean "${visible(near)}"?`;
    throw new MeshError('MESH_UNKNOWN_JOB', `${error.message}: ${hint}`);
  }
}
