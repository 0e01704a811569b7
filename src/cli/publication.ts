import type { OpenMesh } from '../control/open.ts';
import { MeshError } from '../core/mesh-error.ts';
import { type Submission, toSubmission } from '../node/jobs/submission.ts';
import type { Job, PublishRequest } from '../node/mesh.ts';
import { type Context, interruptSignal, print, tell, warn } from './context.ts';
import { tellEarlierJobs } from './earlier-jobs.ts';
import { EXIT } from './exit-code.ts';
import { follow } from './follow.ts';
import { shortJob } from './format.ts';
import { warnMissing } from './missing-paths.ts';
import { checkOutputs } from './output-file.ts';
import { readParams } from './params.ts';
import { neededOf, type PublicationFlags } from './publication-flags.ts';
import { withMesh, withRunningPeer } from './use-mesh.ts';

/** What is to be evaluated, and the files that the command line names for it. */
interface Asked extends Pick<PublishRequest, 'accept' | 'items'> {
  readonly fn: string | undefined;
  readonly itemsFile?: string;
}

/** Publishes a function and follows the job, or leaves it to the running peer with --detach. */
export async function publication(
  context: Context,
  { fn, itemsFile, ...target }: Asked,
  flags: PublicationFlags,
): Promise<number> {
  // All that can be wrong is found before a peer is started or anything is written.
  const paramsFile = flags.params?.startsWith('@') === true ? flags.params.slice(1) : undefined;
  const inputs = [fn, itemsFile, paramsFile].filter((path) => path !== undefined);
  checkOutputs(flags, inputs);
  const given = flags.out ?? flags.summary;
  if (flags.detach && given !== undefined) {
    const text = `--detach waits for no answer: ${given} would stay empty; see \`meshd attach\``;
    throw new MeshError('MESH_USAGE', text);
  }
  const onWarning = (line: string): void => warn(context, line);
  const { seed, maxEvals, deadline, timeout, memory, maxErrors, priority, name } = flags;
  const submission = await toSubmission({
    ...target,
    ...work(fn, flags.exec),
    ...(flags.params === undefined ? {} : { params: await readParams(flags.params, onWarning) }),
    ...(seed === undefined ? {} : { seed }),
    ...(maxEvals === undefined ? {} : { maxEvals }),
    ...(deadline === undefined ? {} : { deadlineMs: deadline }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    ...(memory === undefined ? {} : { memoryBytes: memory }),
    ...(maxErrors === undefined ? {} : { maxErrors }),
    ...(flags.fresh === true ? { fresh: true } : {}),
    ...neededOf(flags),
    ...(priority === undefined ? {} : { priority }),
    ...(name === undefined ? {} : { name }),
    onWarning,
  });
  warnMissing(context, '--allow-read', submission.needs.reads);
  warnMissing(context, '--allow-write', submission.needs.writes);
  if (flags.detach) {
    return withRunningPeer(context, async (mesh) => {
      const job = await submit(context, mesh, submission, onWarning);
      if (job === null) return EXIT.interrupted;
      const { id, computation, seed } = job;
      print(context, id, { event: 'published', job: id, computation, seed });
      return EXIT.done;
    });
  }
  return withMesh(context, async (mesh) => {
    const job = await submit(context, mesh, submission, onWarning);
    if (job === null) return EXIT.interrupted;
    const { id, computation, seed } = job;
    const published = { event: 'published', job: id, computation, seed };
    tell(context, `job ${shortJob(id)} (${job.name})`, published);
    return follow(context, mesh, job, flags);
  });
}

/** The function file or the worker's command. @throws MeshError MESH_USAGE unless one is given */
function work(fn: string | undefined, exec: string | undefined): { fn: string } | { exec: string } {
  if (fn !== undefined && exec === undefined) return { fn };
  if (exec !== undefined && fn === undefined) return { exec };
  const text = 'it needs a function file or --exec COMMAND, one of the two';
  throw new MeshError('MESH_USAGE', text);
}

/** Null when it was interrupted before the job was kept. */
async function submit(
  context: Context,
  mesh: OpenMesh,
  submission: Submission,
  onWarning: (line: string) => void,
): Promise<Job | null> {
  const { signal, release } = interruptSignal(context.io);
  try {
    const job = await mesh.submit(submission, { signal, onWarning });
    await tellEarlierJobs(context, mesh, job);
    return job;
  } catch (error) {
    if (!signal.aborted) throw error;
    tell(context, 'interrupted; the job may or may not be published', { event: 'interrupted' });
    return null;
  } finally {
    release();
  }
}
