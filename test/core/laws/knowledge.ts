import type { Computation } from '../../../src/core/computation.ts';
import type { PeerId, Scope } from '../../../src/core/ids.ts';
import type { JobState } from '../../../src/core/job-state.ts';
import { NO_LIMITS } from '../../../src/core/limits.ts';
import type { LogRange } from '../../../src/core/message.ts';
import { outcomeKey } from '../../../src/core/outcome.ts';
import type { PeerState } from '../../../src/core/peer-state.ts';
import { sha256 } from '../../sim/world/machine.ts';

/** What is known of a computation's outcomes: all that a set of segments decides. */
export function outcomesOf(computation: Computation): object {
  const { coverage, answers, disputes, impureAt } = computation;
  const lines = Array.from({ length: answers.lines }, (_, k) => answers.lineAt(k) ?? -1);
  const failed = answers.firstErrors(10_000).map(([index]) => index);
  const indices = [...new Set([...lines, ...failed])].sort((a, b) => a - b);
  return {
    coverage: coverage.toArray(),
    lines,
    outcomes: indices.map((index) => [index, outcomeKey(answers.get(index))]),
    disputes: [...disputes.indices()].sort((a, b) => a - b),
    open: computation.openDisputes(),
    impureAt,
  };
}

/** What is known of a computation: a function of the set of its records. */
export function computationOf(computation: Computation): object {
  const { attempts, losses, candidates, segments } = computation;
  const tried = [...attempts].sort(([a], [b]) => a - b);
  return {
    ...outcomesOf(computation),
    attempts: tried.map(([index, all]) => [
      index,
      all.map(({ peer, failure }) => `${peer} ${failure}`).sort(),
    ]),
    stuck: tried.filter(([index]) => computation.isStuck(index, NO_LIMITS)).map(([index]) => index),
    losses: losses.map(({ lo, hi, peer }) => `${peer} ${lo} ${hi}`).sort(),
    candidates,
    segments,
  };
}

/** What is known of a job, without when this peer learned it. */
export function jobOf(job: JobState): object {
  const { manifest, phase, priority, paused, cancelled, skips, skipped, ending, endedBy } = job;
  const { computation, certificate, successor } = job;
  const ops = [...job.ops].map(([kind, { hash, author }]) => `${kind} ${hash} ${author}`).sort();
  return {
    ...{ name: manifest.name, phase, priority, paused, cancelled, ops, endedBy },
    ...{ skips: [...skips].sort((a, b) => a - b), skipped },
    ended: ending === null ? null : [ending.certificate, ending.end, ending.lines],
    own: certificate?.certificate ?? null,
    successor: successor === null ? null : [successor.id, successor.certificate?.certificate],
    stuck: job.stuckBelow(Number.MAX_SAFE_INTEGER),
    ran: [computation.ranFor(job.id), computation.peersFor(job.id)],
  };
}

const byKey = <T>([a]: readonly [string, T], [b]: readonly [string, T]): number =>
  a < b ? -1 : a > b ? 1 : 0;

/** What a peer holds of every scope, but for some logs. */
export function logsOf(state: PeerState, but: (log: LogRange) => boolean): [Scope, LogRange[]][] {
  const scopes: Scope[] = ['control', ...[...state.computations.keys()].sort()];
  return scopes.map((scope) => [scope, state.logs.summary(scope).filter((log) => !but(log))]);
}

/**
 * What a peer knows of jobs and computations, and which records it holds. Left out are its own
 * records: what it certifies by itself depends on what it heard first, the certificate does not.
 */
export function knowledgeOf(state: PeerState, self: PeerId): object {
  return {
    jobs: [...state.jobs].sort(byKey).map(([id, job]) => [id, jobOf(job)]),
    computations: [...state.computations]
      .sort(byKey)
      .map(([id, computation]) => [id, computationOf(computation)]),
    logs: logsOf(state, ({ origin }) => origin === self),
  };
}

/** The hash of a peer's scopes by its own reckoning, in the order of the scopes. */
export function digestsOf(state: PeerState): string[] {
  const scopes: Scope[] = ['control', ...[...state.computations.keys()].sort()];
  return scopes.map((scope) => state.logs.digest(scope, sha256));
}
