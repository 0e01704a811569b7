import { hexToBytes } from './codec.ts';
import {
  bytes,
  digits,
  type Form,
  hash,
  list,
  map,
  nullable,
  refine,
  text,
  tuple,
  whole,
} from './form.ts';
import type { PeerId, Scope, Start } from './ids.ts';
import { type Interval, MAX_INDEX } from './interval-set.ts';
import { type Limits, limitsForm, limitsTuple } from './limits.ts';
import type { LogRange, RecordGroup } from './message.ts';
import { tagsForm } from './needs.ts';
import type { Lease, Register } from './register.ts';

/** Upper bounds of what a register, a record group or a summary may hold. */
export const LIMITS = {
  leases: 512,
  addresses: 8,
  addressChars: 256,
  refuses: 1024,
  slots: 1024,
  nameChars: 64,
  versionChars: 64,
  heartbeatMs: 600_000,
  load: 1_000_000,
  records: 4096,
  recordBytes: 73_728,
  ranges: 65_536,
} as const;

const index: Form<number> = whole(0, MAX_INDEX);

/** A peer id: 1–64 printable ASCII characters without spaces. */
export const peerForm: Form<PeerId> = refine(text(64, 1), (peer) =>
  /^[!-~]+$/.test(peer) ? undefined : 'not a peer id',
);

/** On the wire the control scope is null, a computation's its 32 bytes. */
export const scopeForm: Form<Scope> = map(nullable(hash), (scope) => scope ?? 'control');

export function scopeToWire(scope: Scope): unknown {
  return scope === 'control' ? null : hexToBytes(scope);
}

const startForms: readonly [Form<number>, Form<string>] = [whole(1, MAX_INDEX), digits(8)];

type WireLog = [PeerId, number, string];

function startOf([, incarnation, nonce]: readonly [PeerId, number, string, ...unknown[]]): Start {
  return { incarnation, nonce };
}

/** One run of a peer as `peerStartToWire` gives it. */
export const peerStartForm: Form<[PeerId, Start]> = map(
  tuple<WireLog>(peerForm, ...startForms),
  (wire) => [wire[0], startOf(wire)],
);

export function peerStartToWire([peer, start]: readonly [PeerId, Start]): unknown[] {
  return logToWire(peer, start);
}

function logToWire(origin: PeerId, start: Start): unknown[] {
  return [origin, start.incarnation, hexToBytes(start.nonce)];
}

const leaseForm: Form<Lease> = map(
  refine(
    tuple<[number, string, string, number, number, Limits, number, number | null]>(
      index,
      hash,
      hash,
      index,
      index,
      limitsForm,
      whole(0, 3),
      nullable(index),
    ),
    ([, , , lo, hi]) => (lo < hi ? undefined : 'an empty interval'),
  ),
  ([id, computation, job, lo, hi, limits, flags, segment]) => ({
    id,
    computation,
    job,
    lo,
    hi,
    limits,
    copy: (flags & 1) !== 0,
    running: (flags & 2) !== 0,
    ...(segment === null ? {} : { segment }),
  }),
);

function leaseToWire(lease: Lease): unknown[] {
  return [
    lease.id,
    hexToBytes(lease.computation),
    hexToBytes(lease.job),
    lease.lo,
    lease.hi,
    limitsTuple(lease.limits),
    (lease.copy ? 1 : 0) | (lease.running ? 2 : 0),
    lease.segment ?? null,
  ];
}

type WireRegister = [
  ...WireLog,
  sequence: number,
  name: string,
  version: string,
  slots: number,
  tags: string[],
  mathClass: string,
  addresses: string[],
  refuses: string[],
  heartbeatMs: number,
  flags: number,
  load: number | null,
  leases: Lease[],
];

/** A register as `registerToWire` gives it. */
export const registerForm: Form<Register> = map(
  tuple<WireRegister>(
    peerForm,
    ...startForms,
    index,
    text(LIMITS.nameChars, 1),
    text(LIMITS.versionChars),
    whole(0, LIMITS.slots),
    tagsForm,
    digits(8),
    list(text(LIMITS.addressChars, 1), LIMITS.addresses),
    list(hash, LIMITS.refuses),
    whole(1, LIMITS.heartbeatMs),
    whole(0, 3),
    nullable(whole(0, LIMITS.load)),
    list(leaseForm, LIMITS.leases),
  ),
  (wire) => ({
    peer: wire[0],
    start: startOf(wire),
    sequence: wire[3],
    name: wire[4],
    version: wire[5],
    slots: wire[6],
    tags: wire[7],
    mathClass: wire[8],
    addresses: wire[9],
    refuses: wire[10],
    heartbeatMs: wire[11],
    leaving: (wire[12] & 1) !== 0,
    stores: (wire[12] & 2) !== 0,
    load: wire[13],
    leases: wire[14],
  }),
);

export function registerToWire(register: Register): unknown[] {
  return [
    ...logToWire(register.peer, register.start),
    register.sequence,
    register.name,
    register.version,
    register.slots,
    register.tags,
    hexToBytes(register.mathClass),
    register.addresses,
    register.refuses.map(hexToBytes),
    register.heartbeatMs,
    (register.leaving ? 1 : 0) | (register.stores ? 2 : 0),
    register.load,
    register.leases.map(leaseToWire),
  ];
}

const recordsForm = refine(
  list(tuple<[n: number, body: Uint8Array]>(index, bytes(LIMITS.recordBytes, 1)), LIMITS.records),
  (records) => {
    let last = -1;
    for (const [n] of records) {
      if (n <= last) return 'records are not in rising order';
      last = n;
    }
    return undefined;
  },
);

/** A record group as `groupToWire` gives it. */
export const groupForm: Form<RecordGroup> = map(
  tuple<[...WireLog, Scope, [number, Uint8Array][]]>(
    peerForm,
    ...startForms,
    scopeForm,
    recordsForm,
  ),
  (wire) => ({ scope: wire[3], origin: wire[0], start: startOf(wire), records: wire[4] }),
);

export function groupToWire(group: RecordGroup): unknown[] {
  return [...logToWire(group.origin, group.start), scopeToWire(group.scope), group.records];
}

/** Ranges travel flat: lo, hi, lo, hi …, rising and not touching, as IntervalSet keeps them. */
const rangesForm: Form<Interval[]> = map(
  refine(list(index, 2 * LIMITS.ranges), (bounds) => {
    if (bounds.length % 2 !== 0) return 'a range without an end';
    for (let k = 1; k < bounds.length; k++) {
      if ((bounds[k] ?? 0) <= (bounds[k - 1] ?? 0)) return 'ranges are not sorted and disjoint';
    }
    return undefined;
  }),
  (bounds) => {
    const ranges: Interval[] = [];
    for (let k = 0; k < bounds.length; k += 2) ranges.push([bounds[k] ?? 0, bounds[k + 1] ?? 0]);
    return ranges;
  },
);

/** The ranges of a log as `logRangeToWire` gives them. */
export const logRangeForm: Form<LogRange> = map(
  tuple<[...WireLog, Interval[]]>(peerForm, ...startForms, rangesForm),
  (wire) => ({ origin: wire[0], start: startOf(wire), ranges: wire[3] }),
);

export function logRangeToWire(log: LogRange): unknown[] {
  return [...logToWire(log.origin, log.start), log.ranges.flat()];
}
