import type { Part } from './event.ts';
import { limitsHere, openLeases, preempt, release } from './lease-book.ts';
import type { OwnLease, Refusal } from './peer-state.ts';
import { append } from './records.ts';
import { writePart } from './segment-writer.ts';
import type { Turn } from './turn.ts';
import { endVerified, takeVerified } from './verification.ts';

function ownLease(turn: Turn, execution: number): OwnLease | undefined {
  return openLeases(turn.state).find(({ lease }) => lease.id === execution);
}

/** Takes outcomes of an execution in. */
export function takePart(turn: Turn, execution: number, part: Part): void {
  const own = ownLease(turn, execution);
  if (own?.needless === true) return;
  if (own !== undefined) {
    const { computation, job } = own.lease;
    const fresh = own.purpose === 'dispute';
    const last = writePart(turn, computation, job, part, fresh);
    own.lastSegment = last;
    // Another job over the same computation may have claimed it under other limits.
    preempt(turn, computation, part, own);
    return;
  }
  takeVerified(turn, execution, part);
}

/** Records that a candidate failed alone. */
export function takeFailure(
  turn: Turn,
  execution: number,
  index: number,
  failure: { readonly kind: string; readonly detail: string },
): void {
  const own = ownLease(turn, execution);
  if (own === undefined) return;
  const { computation, job, limits } = own.lease;
  const refusal = refusalOf(turn, own, failure.kind);
  if (refusal !== null) {
    turn.state.refuses.set(computation, refusal);
    turn.log('error', 'program.failed', { computation, detail: failure.detail });
    turn.beat = true;
    return;
  }
  append(turn, computation, {
    kind: 'attempt',
    job,
    lo: index,
    hi: index + 1,
    limits,
    failure: failure.kind.slice(0, 32),
    detail: failure.detail.slice(0, 2048),
  });
  turn.log('warn', 'candidate.failed', { computation, index, ...failure });
}

/** Why a failure tells of this machine and not of the candidate; null: it tells of that. */
function refusalOf({ state }: Turn, { lease }: OwnLease, kind: string): Refusal | null {
  if (kind === 'setup') return 'setup';
  const { memoryBytes } = lease.limits;
  const isOwnLimit = limitsHere(state, lease).memoryBytes !== memoryBytes;
  return kind === 'memory' && isOwnLimit ? 'memory' : null;
}

/** Frees the slot of an execution that is over. */
export function takeEnd(turn: Turn, execution: number): void {
  const own = ownLease(turn, execution);
  if (own !== undefined) {
    release(turn, own, own.lastSegment);
    return;
  }
  endVerified(turn, execution);
}
