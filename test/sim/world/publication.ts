import { encode } from '../../../src/core/codec.ts';
import type { PeerEvent } from '../../../src/core/event.ts';
import type { Hash, JobId } from '../../../src/core/ids.ts';
import { NO_LIMITS } from '../../../src/core/limits.ts';
import { computationId, encodeManifest, type Manifest } from '../../../src/core/manifest.ts';
import { NO_NEEDS } from '../../../src/core/needs.ts';
import { type Machine, sha256 } from './machine.ts';
import type { Question } from './oracle.ts';
import { columnsOf, costOf, failureOf, outcomeOf } from './program.ts';
import type { JobPlan } from './scenario.ts';
import { programBytes, type World } from './world.ts';

/** A job with all that is handed over when it is published. */
export interface Publication {
  readonly plan: JobPlan;
  readonly id: JobId;
  readonly question: Question;
  readonly manifest: Manifest;
  readonly blobs: readonly { readonly hash: Hash; readonly bytes: Uint8Array }[];
}

/** Prepares a job, and makes its program known to the world. */
export function publicationOf(world: World, plan: JobPlan): Publication {
  const { program, target } = plan;
  const bytes = programBytes(program);
  const blobs = [{ hash: world.know(program), bytes }];
  const params = new TextEncoder().encode('null');
  blobs.push({ hash: sha256(params), bytes: params });
  let items: Manifest['spec']['items'] = null;
  if (target.kind === 'map') {
    const chunk = new TextEncoder().encode(`items of job ${plan.number}`);
    const root = encode([target.count, [[Buffer.from(sha256(chunk), 'hex'), target.count]]]);
    blobs.push({ hash: sha256(chunk), bytes: chunk }, { hash: sha256(root), bytes: root });
    items = { root: sha256(root), count: target.count };
  }
  const manifest = manifestOf(plan, items, sha256(bytes), sha256(params), world);
  const computation = computationId(manifest.spec, sha256);
  return {
    ...{ plan, id: sha256(encodeManifest(manifest)), manifest, blobs },
    question: { program, computation, target },
  };
}

/** What a client asks of the owner's machine, with what the probe found there. */
export function publishEvent(
  { plan, manifest, blobs }: Publication,
  machine: Machine,
  request: number,
): Extract<PeerEvent, { kind: 'publish' }> {
  const { candidates: end, ms } = manifest.probe;
  const program = machine.alters(plan.program);
  const columns = columnsOf(program, 0, end, (_, outcome) => outcome);
  const probe = end === 0 ? null : { lo: 0, hi: end, ms, ...columns };
  return { kind: 'publish', request, manifest, blobs, probe };
}

function manifestOf(
  plan: JobPlan,
  items: Manifest['spec']['items'],
  program: Hash,
  params: Hash,
  world: World,
): Manifest {
  const owner = world.machine(plan.owner);
  const { deadlineMs, priority, target, limits = NO_LIMITS, maxErrors = null } = plan;
  const { needs = NO_NEEDS, perHour = null } = plan;
  const deadlineAt = deadlineMs === null ? null : Math.round(world.wallMs + plan.at + deadlineMs);
  const runner =
    plan.commands === true
      ? { mathClass: null, commandsOf: owner.id }
      : { mathClass: world.mathClass, commandsOf: null };
  return {
    ...{ owner: owner.id, nonce: sha256(`job ${plan.number}`).slice(0, 32) },
    name: `job ${plan.number}`,
    spec: { program, params, seed: 0, items, contract: 1, ...runner },
    ...{
      target,
      limits,
      needs,
      perHour,
      maxErrors,
      fresh: false,
      priority,
      publishedAt: 0,
      deadlineAt,
      root: null,
      sources: null,
      logIf: null,
    },
    probe: probeOf(owner, plan),
  };
}

/** What the publisher's probe finds: it ends before the first candidate that fails there. */
function probeOf(owner: Machine, plan: JobPlan): Manifest['probe'] {
  const { probe, target, limits = NO_LIMITS } = plan;
  const program = owner.alters(plan.program);
  const { slowness } = owner.plan;
  const most = Math.min(probe, target.count);
  let ms = 0;
  let accepted = 0;
  let candidates = 0;
  while (candidates < most && failureOf(program, candidates, slowness, limits) === null) {
    const outcome = outcomeOf(program, candidates);
    if (outcome !== null && typeof outcome !== 'object') accepted++;
    ms += costOf(program, candidates++);
  }
  return { candidates, accepted, ms };
}
