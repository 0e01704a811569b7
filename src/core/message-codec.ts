import { decode, encode, hexToBytes } from './codec.ts';
import { bytes, check, type Form, flag, hash, list, map, text, tuple } from './form.ts';
import { assertNever, type Hash, type JobId, type PeerId, type Scope, type Start } from './ids.ts';
import type { LogRange, Message, RecordGroup } from './message.ts';
import type { Register } from './register.ts';
import {
  groupForm,
  groupToWire,
  logRangeForm,
  logRangeToWire,
  peerForm,
  peerStartForm,
  peerStartToWire,
  registerForm,
  registerToWire,
  scopeForm,
  scopeToWire,
} from './register-codec.ts';

/** The longest message that is gossiped, in bytes. */
export const MAX_GOSSIP_BYTES = 262_144;

/** The longest message on a stream, in bytes. */
export const MAX_STREAM_BYTES = 8_388_608;

/** The longest blob: what a stream message leaves for it. */
export const MAX_BLOB_BYTES: number = MAX_STREAM_BYTES - 64;

/** The most record groups in a message. */
export const MAX_GROUPS = 1024;

/** The most scopes in a digests message. */
export const MAX_SCOPES = 4096;

/** The most logs in a summary or pull. */
export const MAX_LOGS = 16_384;

/** The most hashes in an ask or receipt, and jobs in a collected. */
export const MAX_HASHES = 4096;

/** The most starts in a quit. */
export const MAX_QUITS = 4096;

/** First entry of a message on the wire. A number that is no longer used is never used again. */
const NUMBERS = {
  heartbeat: 1,
  announce: 2,
  digests: 3,
  summary: 4,
  pull: 5,
  records: 6,
  ask: 7,
  receipt: 8,
  want: 9,
  blob: 10,
  none: 11,
  collected: 12,
  quit: 13,
} as const satisfies Record<Message['kind'], number>;

const groups: Form<RecordGroup[]> = list(groupForm, MAX_GROUPS);
const logs: Form<LogRange[]> = list(logRangeForm, MAX_LOGS);
const hashes: Form<Hash[]> = list(hash, MAX_HASHES);

/** What follows the number, for each kind. */
const FORMS: { readonly [K in Message['kind']]: Form<Extract<Message, { kind: K }>> } = {
  heartbeat: map(tuple<[Register, RecordGroup[]]>(registerForm, groups), ([register, fresh]) => ({
    kind: 'heartbeat',
    register,
    fresh,
  })),
  announce: map(tuple<[RecordGroup[]]>(groups), ([all]) => ({ kind: 'announce', groups: all })),
  digests: map(
    tuple<[[Scope, Hash][]]>(list(tuple<[Scope, Hash]>(scopeForm, hash), MAX_SCOPES)),
    ([scopes]) => ({ kind: 'digests', scopes }),
  ),
  summary: map(
    tuple<[Scope, LogRange[], boolean]>(scopeForm, logs, flag),
    ([scope, all, reply]) => ({ kind: 'summary', scope, logs: all, reply }),
  ),
  pull: map(tuple<[Scope, LogRange[]]>(scopeForm, logs), ([scope, all]) => ({
    kind: 'pull',
    scope,
    logs: all,
  })),
  records: map(tuple<[RecordGroup[]]>(groups), ([all]) => ({ kind: 'records', groups: all })),
  ask: map(tuple<[Hash[]]>(hashes), ([all]) => ({ kind: 'ask', hashes: all })),
  receipt: map(tuple<[Hash[]]>(hashes), ([all]) => ({ kind: 'receipt', hashes: all })),
  want: map(tuple<[Hash]>(hash), ([one]) => ({ kind: 'want', hash: one })),
  blob: map(tuple<[Hash, Uint8Array]>(hash, bytes(MAX_BLOB_BYTES)), ([one, content]) => ({
    kind: 'blob',
    hash: one,
    bytes: content,
  })),
  none: map(tuple<[Hash]>(hash), ([one]) => ({ kind: 'none', hash: one })),
  collected: map(
    tuple<[[JobId, string][]]>(list(tuple<[JobId, string]>(hash, text(16, 1)), MAX_HASHES)),
    ([jobs]) => ({ kind: 'collected', jobs }),
  ),
  quit: map(
    tuple<[PeerId, [PeerId, Start][], Uint8Array]>(
      peerForm,
      list(peerStartForm, MAX_QUITS),
      bytes(64, 1),
    ),
    ([author, starts, signature]) => ({ kind: 'quit', author, starts, signature }),
  ),
};

const KINDS: ReadonlyMap<unknown, Message['kind']> = new Map(
  (Object.keys(NUMBERS) as Message['kind'][]).map((kind) => [NUMBERS[kind], kind]),
);

/**
 * Encodes a message as a canonical CBOR list [number, …]. Sizes and counts are not checked here:
 * the sender keeps to the limits above, or the receiver refuses the message.
 * @throws TypeError when a hash or nonce is not hexadecimal digits.
 */
export function encodeMessage(message: Message): Uint8Array {
  return encode([NUMBERS[message.kind], ...contents(message)]);
}

/**
 * Decodes and checks a message of another peer. Never throws; a message that is given encodes to
 * the same bytes again.
 * limit: `gossip` takes heartbeat and announce up to MAX_GOSSIP_BYTES, `stream` every kind up to
 * MAX_STREAM_BYTES.
 */
export function decodeMessage(
  received: Uint8Array,
  limit: 'gossip' | 'stream',
): { readonly message: Message } | { readonly rejected: string } {
  const decoded = decode(received, limit === 'gossip' ? MAX_GOSSIP_BYTES : MAX_STREAM_BYTES);
  if ('rejected' in decoded) return decoded;
  if (!Array.isArray(decoded.value)) return { rejected: 'not a list' };
  const [number, ...rest] = decoded.value as unknown[];
  const kind = KINDS.get(number);
  if (kind === undefined) return { rejected: 'unknown kind of message' };
  if (limit === 'gossip' && kind !== 'heartbeat' && kind !== 'announce') {
    return { rejected: `${kind} is not gossiped` };
  }
  const form: Form<Message> = FORMS[kind];
  const checked = check(form, rest);
  return 'rejected' in checked
    ? { rejected: `${kind} ${checked.rejected}` }
    : { message: checked.value };
}

function contents(message: Message): unknown[] {
  switch (message.kind) {
    case 'heartbeat':
      return [registerToWire(message.register), message.fresh.map(groupToWire)];
    case 'announce':
    case 'records':
      return [message.groups.map(groupToWire)];
    case 'digests':
      return [message.scopes.map(([scope, digest]) => [scopeToWire(scope), hexToBytes(digest)])];
    case 'summary':
      return [scopeToWire(message.scope), message.logs.map(logRangeToWire), message.reply];
    case 'pull':
      return [scopeToWire(message.scope), message.logs.map(logRangeToWire)];
    case 'ask':
    case 'receipt':
      return [message.hashes.map(hexToBytes)];
    case 'want':
    case 'none':
      return [hexToBytes(message.hash)];
    case 'blob':
      return [hexToBytes(message.hash), message.bytes];
    case 'collected':
      return [message.jobs.map(([job, phase]) => [hexToBytes(job), phase])];
    case 'quit':
      return [message.author, message.starts.map(peerStartToWire), message.signature];
    default:
      return assertNever(message);
  }
}
