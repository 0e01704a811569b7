import { decode, encode, hexToBytes } from './codec.ts';
import { columnForm, columnTuple } from './column-codec.ts';
import {
  bytes,
  check,
  type Form,
  flag,
  hash,
  list,
  map,
  oneOf,
  Rejection,
  text,
  tuple,
  whole,
} from './form.ts';
import { assertNever } from './ids.ts';
import { MAX_INDEX } from './interval-set.ts';
import { limitsForm, limitsTuple } from './limits.ts';
import { encodeManifest, MAX_MICROSECONDS, microseconds } from './manifest.ts';
import { manifestForm, risingIndices } from './manifest-form.ts';
import type { Choice, ControlOp, OpChange, RecordBody, Segment } from './record.ts';
import { peerForm, peerStartForm, peerStartToWire } from './register-codec.ts';

/** The longest body of a record, in bytes. */
export const MAX_BODY_BYTES = 73_728;

/** What a segment's body aims to stay below, in bytes. */
export const SEGMENT_BYTES = 65_536;

/** Most candidates of a fresh segment: each of them is counted alone. */
const MAX_FRESH = 4096;

const index = whole(0, MAX_INDEX);
const signature = bytes(64, 1);

function changeTuple(change: OpChange): unknown[] {
  switch (change.kind) {
    case 'cancel':
      return [0, change.reason, change.wait];
    case 'pause':
      return [1, change.paused];
    case 'priority':
      return [2, change.priority];
  }
}

/** What an op's author signs. */
export function opPayload(op: Pick<ControlOp, 'job' | 'number' | 'change'>): Uint8Array {
  return encode(['meshd op', hexToBytes(op.job), op.number, changeTuple(op.change)]);
}

/** What the author of a skip signs. */
export function skipPayload(job: string, skipped: number): Uint8Array {
  return encode(['meshd skip', hexToBytes(job), skipped]);
}

/** What the owner of commands signs to say which run of one counts. */
export function choicePayload({
  computation,
  index: at,
  of,
}: Pick<Choice, 'computation' | 'index' | 'of'>): Uint8Array {
  const record = [...peerStartToWire([of.origin, of.start]), of.n];
  return encode(['meshd choice', hexToBytes(computation), at, record]);
}

/** What the author of a removal signs, with the mesh: the two may be members of another one too. */
export function removalPayload(self: { readonly mesh?: string }, peer: string): Uint8Array {
  return encode(['meshd removal', self.mesh ?? '', peer]);
}

/** What the author of a certificate signs. */
export function certificatePayload(job: string, certificate: string): Uint8Array {
  return encode(['meshd certificate', hexToBytes(job), hexToBytes(certificate)]);
}

/** The canonical encoding of a record's body, whose hash names the record. */
export function encodeBody(body: RecordBody): Uint8Array {
  switch (body.kind) {
    case 'manifest':
      return encode([0, encodeManifest(body.manifest), body.signature]);
    case 'successor':
      return encode([1, hexToBytes(body.predecessor), [...body.stuck]]);
    case 'op':
      return encode([
        2,
        hexToBytes(body.job),
        body.number,
        changeTuple(body.change),
        body.signature,
      ]);
    case 'certificate':
      return encode([
        3,
        hexToBytes(body.job),
        hexToBytes(body.certificate),
        body.end,
        body.lines,
        body.signature,
      ]);
    case 'segment':
      return encode([
        4,
        hexToBytes(body.job),
        body.lo,
        body.hi - body.lo,
        microseconds(body.ms),
        body.fresh,
        body.accepted.map((column) => columnTuple(column, body.lo)),
        body.errors.map(({ index: at, name, detail }) => [at, name, detail]),
      ]);
    case 'attempt':
      return encode([
        ...[5, hexToBytes(body.job), body.lo, body.hi - body.lo],
        ...[limitsTuple(body.limits), body.failure, body.detail],
      ]);
    case 'skip':
      return encode([6, hexToBytes(body.job), body.index, body.signature]);
    case 'removal':
      return encode([7, body.peer, body.signature]);
    case 'choice': {
      const record = [peerStartToWire([body.of.origin, body.of.start]), body.of.n];
      return encode([8, hexToBytes(body.computation), body.index, ...record, body.signature]);
    }
    default:
      return assertNever(body);
  }
}

const manifestRecord: Form<RecordBody> = (value) => {
  const shaped = tuple(oneOf(0), bytes(4096), signature)(value);
  if (shaped instanceof Rejection) return shaped;
  const decoded = decode(shaped[1], 4096);
  if ('rejected' in decoded) return new Rejection(decoded.rejected, '[1]');
  const manifest = manifestForm(decoded.value);
  if (manifest instanceof Rejection) return manifest.under('[1]');
  return { kind: 'manifest', manifest, signature: shaped[2] };
};

const cancelForm = tuple(oneOf(0), oneOf('user', 'deadline'), flag);
const pauseForm = tuple(oneOf(1), flag);
const priorityForm = tuple(oneOf(2), whole(-10, 10));

const changeForm: Form<OpChange> = (value) => {
  const kind: unknown = Array.isArray(value) ? value[0] : undefined;
  if (kind === 0) {
    return map(
      cancelForm,
      ([, reason, wait]): OpChange => ({ kind: 'cancel', reason, wait }),
    )(value);
  }
  if (kind === 1) {
    return map(pauseForm, ([, paused]): OpChange => ({ kind: 'pause', paused }))(value);
  }
  return map(priorityForm, ([, priority]): OpChange => ({ kind: 'priority', priority }))(value);
};

const segmentHead = tuple(
  oneOf(4),
  hash,
  index,
  whole(1, MAX_INDEX),
  whole(0, MAX_MICROSECONDS),
  flag,
  list((value: unknown) => value, 65_536),
  list(tuple(index, text(200), text(2048)), 4096),
);

function segmentForm(value: unknown, isChecked: boolean): Segment | Rejection {
  const head = segmentHead(value);
  if (head instanceof Rejection) return head;
  const [, job, lo, size, spent, fresh, columns, errorTuples] = head;
  const hi = lo + size;
  if (hi > MAX_INDEX) return new Rejection('past the last index');
  if (fresh && size > MAX_FRESH) return new Rejection(`more than ${MAX_FRESH} fresh candidates`);
  const accepted = list(columnForm(lo, hi, isChecked), 65_536)(columns);
  if (accepted instanceof Rejection) return accepted.under('[6]');
  const seen = new Set<number>();
  const errors = errorTuples.map(([at, name, detail]) => ({ index: at, name, detail }));
  for (const column of accepted)
    for (const at of column.indices) if (!addNew(seen, at)) return twice;
  for (const error of errors) {
    if (error.index < lo || error.index >= hi || !addNew(seen, error.index)) return twice;
  }
  return { kind: 'segment', job, lo, hi, ms: spent / 1000, fresh, accepted, errors };
}

const twice = new Rejection('an index twice or outside the interval');

function addNew(seen: Set<number>, at: number): boolean {
  if (seen.has(at)) return false;
  seen.add(at);
  return true;
}

const attemptForm = tuple(
  ...([oneOf(5), hash, index, whole(1, MAX_INDEX)] as const),
  ...([limitsForm, text(32, 1), text(2048)] as const),
);

const FORMS: readonly Form<RecordBody>[] = [
  manifestRecord,
  map(tuple(oneOf(1), hash, risingIndices), ([, predecessor, stuck]) => ({
    kind: 'successor',
    predecessor,
    stuck,
  })),
  map(
    tuple(oneOf(2), hash, whole(1, MAX_INDEX), changeForm, signature),
    ([, job, number, change, signed]) => ({ kind: 'op', job, number, change, signature: signed }),
  ),
  map(
    tuple(oneOf(3), hash, hash, index, index, signature),
    ([, job, certificate, end, lines, signed]) => ({
      kind: 'certificate',
      job,
      certificate,
      end,
      lines,
      signature: signed,
    }),
  ),
  (value) => segmentForm(value, false),
  (value) => {
    const shaped = attemptForm(value);
    if (shaped instanceof Rejection) return shaped;
    const [, job, lo, size, limits, failure, detail] = shaped;
    if (lo + size > MAX_INDEX) return new Rejection('past the last index');
    return { kind: 'attempt', job, lo, hi: lo + size, limits, failure, detail };
  },
  map(tuple(oneOf(6), hash, index, signature), ([, job, at, signed]) => ({
    kind: 'skip',
    job,
    index: at,
    signature: signed,
  })),
  map(tuple(oneOf(7), peerForm, signature), ([, peer, signed]) => ({
    kind: 'removal',
    peer,
    signature: signed,
  })),
  map(
    tuple(oneOf(8), hash, index, peerStartForm, index, signature),
    ([, computation, at, [origin, start], n, signed]) => ({
      kind: 'choice',
      computation,
      index: at,
      of: { origin, start, n },
      signature: signed,
    }),
  ),
];

/** The same for what was checked before. */
const CHECKED_FORMS: readonly Form<RecordBody>[] = FORMS.with(4, (value) =>
  segmentForm(value, true),
);

/**
 * Reads a record's body: checks form and limits, never throws. Signatures are checked later.
 * isChecked: these very bytes were read before, and are known not to have changed; what takes most
 * of the time is not looked at again then. @default false
 */
export function decodeBody(
  body: Uint8Array,
  isChecked: boolean = false,
): { readonly value: RecordBody } | { readonly rejected: string } {
  const decoded = decode(body, MAX_BODY_BYTES, isChecked);
  if ('rejected' in decoded) return decoded;
  const kind: unknown = Array.isArray(decoded.value) ? decoded.value[0] : undefined;
  const form = typeof kind === 'number' ? (isChecked ? CHECKED_FORMS : FORMS)[kind] : undefined;
  return form === undefined ? { rejected: `unknown kind of record` } : check(form, decoded.value);
}
