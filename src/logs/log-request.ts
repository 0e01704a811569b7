import { decode, encode, hexToBytes } from '../core/codec.ts';
import { check, flag, hash, nullable, oneOf, tuple, whole } from '../core/form.ts';
import type { ComputationId, JobId } from '../core/ids.ts';
import { MAX_INDEX } from '../core/interval-set.ts';
import { LOG_LEVELS, type LogLevel } from '../core/log-line.ts';

/** What a member is asked for. */
export interface LogRequest {
  readonly job: JobId;
  readonly computation: ComputationId;
  /** Lines of one candidate; null: of all. */
  readonly index: number | null;
  readonly level: LogLevel;
  /** What comes, too, until the job has ended there. */
  readonly follow: boolean;
}

const MOST_BYTES = 256;

const form = tuple(hash, hash, nullable(whole(0, MAX_INDEX)), oneOf(...LOG_LEVELS), flag);

export function encodeLogRequest(request: LogRequest): Uint8Array {
  const { job, computation, index, level, follow } = request;
  return encode([hexToBytes(job), hexToBytes(computation), index, level, follow]);
}

/** Null for anything else. */
export function decodeLogRequest(bytes: Uint8Array): LogRequest | null {
  const decoded = decode(bytes, MOST_BYTES);
  const checked = 'value' in decoded ? check(form, decoded.value) : decoded;
  if ('rejected' in checked) return null;
  const [job, computation, index, level, follow] = checked.value;
  return { job, computation, index, level, follow };
}
