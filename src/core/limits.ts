import { type Form, map, nullable, tuple, whole } from './form.ts';
import type { ComputationId } from './ids.ts';

/** The longest time limit: 2^31 s, as a deadline's. */
export const MAX_TIMEOUT_MS: number = 2 ** 31 * 1000;

/** The least memory limit: an executor alone takes about half of it. */
export const MIN_MEMORY_BYTES: number = 128_000_000;

/** The largest memory limit: 64 TiB. */
export const MAX_MEMORY_BYTES: number = 2 ** 46;

/** What one candidate may take; null: no limit. They decide who fails, never an outcome. */
export interface Limits {
  /** Time of one candidate, 1 … MAX_TIMEOUT_MS. */
  readonly timeoutMs: number | null;
  /** Memory of its executor with all that it started, MIN_MEMORY_BYTES … MAX_MEMORY_BYTES. */
  readonly memoryBytes: number | null;
}

export const NO_LIMITS: Limits = { timeoutMs: null, memoryBytes: null };

/** What leases compete for: jobs over the same computation with other limits ignore them. */
export interface Ground {
  readonly computation: ComputationId;
  readonly limits: Limits;
}

/** The text of a ground, for keys: of one without limits the computation alone. */
export function groundKey({ computation, limits }: Ground): string {
  const { timeoutMs, memoryBytes } = limits;
  if (timeoutMs === null && memoryBytes === null) return computation;
  return `${computation} ${timeoutMs} ${memoryBytes}`;
}

/** Says whether two grounds are the same. */
export function sameGround(a: Ground, b: Ground): boolean {
  return a.computation === b.computation && sameLimits(a.limits, b.limits);
}

/** Says whether two limits are the same. */
export function sameLimits(a: Limits, b: Limits): boolean {
  return a.timeoutMs === b.timeoutMs && a.memoryBytes === b.memoryBytes;
}

/** Says whether limits are not below others: what failed at them fails at the others, too. */
export function reaches(limits: Limits, others: Limits): boolean {
  return (
    notBelow(limits.timeoutMs, others.timeoutMs) && notBelow(limits.memoryBytes, others.memoryBytes)
  );
}

function notBelow(limit: number | null, other: number | null): boolean {
  return limit === null || (other !== null && limit >= other);
}

/** The encodable form of limits. */
export function limitsTuple({ timeoutMs, memoryBytes }: Limits): unknown[] {
  return [timeoutMs, memoryBytes];
}

/** Limits as `limitsTuple` gives them. */
export const limitsForm: Form<Limits> = map(
  tuple(nullable(whole(1, MAX_TIMEOUT_MS)), nullable(whole(MIN_MEMORY_BYTES, MAX_MEMORY_BYTES))),
  ([timeoutMs, memoryBytes]) => ({ timeoutMs, memoryBytes }),
);
