import { randomBytes } from 'node:crypto';
import type { Part } from '../../core/event.ts';
import type { Hash, JobId } from '../../core/ids.ts';
import { limitsOn } from '../../core/lease-book.ts';
import {
  CONTRACT_VERSION,
  type ComputationSpec,
  computationId,
  type Manifest,
} from '../../core/manifest.ts';
import { MeshError } from '../../core/mesh-error.ts';
import { has } from '../../core/needs.ts';
import { isDiskFull } from '../../files/disk-full.ts';
import { isDenial } from '../../work/candidate/thrown.ts';
import { isWorkerProgram } from '../../work/exec/worker-mark.ts';
import { setupMs } from '../../work/executor.ts';
import { PROBED } from '../../work/probe.ts';
import type { Workforce, WorkInputs } from '../../work/workforce.ts';
import type { Loop } from '../loop.ts';
import { type NamedBlob, packItems, sha256 } from './item-list.ts';
import type { Submission, SubmitOptions } from './submission.ts';

/** Publishes a submission on this peer: probe, manifest, receipts. Returns the job's id. */
export async function publishSubmission(
  loop: Loop,
  workforce: Workforce,
  submission: Submission,
  options: SubmitOptions = {},
): Promise<JobId> {
  const { spec, sources, blobs } = packSubmission(
    submission,
    submission.commands
      ? { mathClass: null, commandsOf: loop.state.self.peer }
      : { mathClass: workforce.mathClass, commandsOf: null },
  );
  const first = await tryFirst(loop, workforce, submission, spec, options);
  const { target } = submission;
  const manifest: Manifest = {
    owner: loop.state.self.peer,
    nonce: randomBytes(16).toString('hex'),
    name: submission.name,
    spec,
    target:
      target.kind === 'accept'
        ? { kind: 'accept', count: target.count, maxEvals: submission.maxEvals }
        : { kind: 'map', count: target.items.length },
    limits: submission.limits,
    needs: submission.needs,
    perHour: submission.perHour,
    logIf: submission.logIf,
    maxErrors: submission.maxErrors,
    fresh: submission.fresh,
    priority: submission.priority,
    publishedAt: Date.now(),
    deadlineAt: submission.deadlineMs === null ? null : Date.now() + submission.deadlineMs,
    root: null,
    sources,
    probe: {
      candidates: first?.hi ?? 0,
      accepted: first?.accepted.reduce((sum, { indices }) => sum + indices.length, 0) ?? 0,
      ms: first?.ms ?? 0,
    },
  };
  // What is here of an earlier job may have rotted: reading finds it, and it is kept anew.
  for (const { hash } of blobs) if (loop.state.blobs.has(hash)) await loop.blob(hash);
  const answer = await loop.request(
    (request) => ({ kind: 'publish', request, manifest, blobs, probe: first }),
    options.signal,
  );
  if (answer.kind !== 'kept') throw new Error(`publish was answered by ${answer.kind}`);
  return answer.job;
}

function packSubmission(
  submission: Submission,
  runner: Pick<ComputationSpec, 'mathClass' | 'commandsOf'>,
): { spec: ComputationSpec; sources: Hash | null; blobs: NamedBlob[] } {
  const encoder = new TextEncoder();
  const program = { hash: sha256(submission.program), bytes: submission.program };
  const paramBytes = encoder.encode(submission.params);
  const params = { hash: sha256(paramBytes), bytes: paramBytes };
  const blobs: NamedBlob[] = [program, params];
  const { sources: map } = submission;
  const sources = map === null ? null : sha256(map);
  if (map !== null && sources !== null) blobs.push({ hash: sources, bytes: map });
  let items: ComputationSpec['items'] = null;
  if (submission.target.kind === 'map') {
    const packed = packItems(submission.target.items);
    items = { root: packed.root.hash, count: submission.target.items.length };
    blobs.push(...packed.chunks, packed.root);
  }
  const spec = {
    program: program.hash,
    params: params.hash,
    seed: submission.seed,
    items,
    contract: CONTRACT_VERSION,
    ...runner,
  };
  return { spec, sources, blobs };
}

/**
 * The first candidates, to find a function that cannot run and to learn what one costs. Their
 * outcomes count. Nothing is tried when some are known already, or without slots here.
 * @throws MeshError MESH_BAD_FUNCTION when the program cannot be imported, when candidate 0 comes
 * to two different outcomes, or when the sandbox refuses what it does and no outcome is known yet:
 * no try would end otherwise.
 */
async function tryFirst(
  loop: Loop,
  workforce: Workforce,
  submission: Submission,
  spec: ComputationSpec,
  options: SubmitOptions,
): Promise<Part | null> {
  const computation = computationId(spec, sha256);
  const known = loop.state.computations.get(computation);
  // A probe evaluates many in one executor.
  // And a command would run once more than it is to.
  const isNeeded = known?.coverage.has(0) !== true && !submission.fresh && !submission.commands;
  if (!isNeeded || !has(loop.state.offer, workforce.slots, submission.needs)) return null;
  const { target } = submission;
  const texts = target.kind === 'map' ? target.items : null;
  const { name, program, params, seed, sources } = submission;
  const inputs: WorkInputs = {
    ...{ computation, program, params, seed },
    sandbox: loop.sandboxes.own(program, submission.commands, submission.needs),
    ...(sources === null ? {} : { sources }),
    ...(texts === null ? {} : { items: async (lo, hi) => texts.slice(lo, hi) }),
  };
  // With a rate candidates are not to be tried beyond it.
  const most =
    submission.perHour === null ? { ahead: executorsAhead(workforce, submission) } : { most: 1 };
  const condition = submission.logIf === null ? {} : { logIf: submission.logIf };
  const limits = limitsOn(loop.state, submission.limits, submission.needs.cpus);
  const probe = await workforce
    .probe(inputs, limits, { ...most, ...condition })
    .catch((error: unknown) => {
      if (isDiskFull(error)) {
        throw new MeshError('MESH_DISK_FULL', 'this disk is full: free some space', {
          cause: error,
        });
      }
      if (!(error instanceof MeshError)) throw error;
      throw new MeshError(error.code, `${name}: ${error.message}`, { cause: error });
    });
  if (probe.failure !== undefined) {
    const isNew = known === undefined || known.coverage.isEmpty();
    if (isNew && isDenial(probe.failure)) {
      const { detail } = probe.failure;
      throw new MeshError('MESH_BAD_FUNCTION', `${name}: candidate 0 fails: ${detail}`);
    }
    options.onWarning?.(`candidate 0 failed in a trial: ${probe.failure.detail}`);
  }
  if (probe.loadsMs !== undefined) {
    const longMs = setupMs(limits);
    options.onWarning?.(
      `${name}: import and setup go on after ${probe.loadsMs / 1000} s; ` +
        `a machine where they take more than ${longMs / 1000} s takes no part`,
    );
  }
  if (probe.differs !== undefined) {
    const [one, other] = probe.differs.map(shortened);
    throw new MeshError(
      'MESH_BAD_FUNCTION',
      `${name}: candidate 0 comes to ${one} and then to ${other}; it must depend on rng, index, ` +
        'item and params alone, not on the clock or on what ran before it',
    );
  }
  const [error] = probe.errors;
  if (error !== undefined) {
    options.onWarning?.(
      `candidate ${error.index} ended in an error: ${shortened(firstLine(error.detail))}`,
    );
  }
  if (probe.hi === 0) return null;
  return { lo: 0, hi: probe.hi, accepted: probe.accepted, errors: probe.errors, ms: probe.ms };
}

/** Executors that the orders after a probe will take, beside its own. */
function executorsAhead({ slots }: Workforce, { program, target, needs }: Submission): number {
  // A worker may be costly to start in vain.
  if (isWorkerProgram(program)) return 0;
  const wanted = target.kind === 'accept' ? target.count : target.items.length;
  return Math.min(Math.floor(slots / needs.cpus), Math.ceil(wanted / PROBED)) - 1;
}

function shortened(text: string): string {
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
