import { encodeFrame } from './frame.ts';
import { MAX_PART_BYTES } from './topics.ts';

/**
 * What a frame on a stream of its own for one question carries. Numbers are never used again.
 * question: the topic's length (1 byte), the topic, the request; the asker's only frame. part: a
 * part of the answer. end: empty, the answer is whole. refused: why there is no answer or no rest
 * of it, as text. still: empty, the answer is coming.
 */
export const ASK_FRAME = { question: 0, part: 1, end: 2, refused: 3, still: 4 } as const;

/** The longest body of such a frame. */
export const MAX_ASK_FRAME_BYTES: number = MAX_PART_BYTES;

/** The longest text of a refusal, in characters. */
const MAX_REASON = 500;

/** A question on the wire. */
export function encodeQuestion(topic: string, request: Uint8Array): Uint8Array {
  const name = Buffer.from(topic);
  const body = Buffer.concat([Uint8Array.of(name.byteLength), name, request]);
  return encodeFrame(ASK_FRAME.question, body);
}

/** Reads the body of a question. Null when it is malformed. */
export function decodeQuestion(body: Uint8Array): { topic: string; request: Uint8Array } | null {
  const length = body[0] ?? 0;
  if (length === 0 || body.byteLength < 1 + length) return null;
  const topic = Buffer.from(body.subarray(1, 1 + length)).toString('latin1');
  return { topic, request: body.subarray(1 + length) };
}

/** A refusal on the wire. */
export function encodeRefusal(reason: string): Uint8Array {
  return encodeFrame(ASK_FRAME.refused, Buffer.from(reason.slice(0, MAX_REASON)));
}

/** The text of a refusal, in one line that a terminal can show. */
export function decodeRefusal(body: Uint8Array): string {
  const text = Buffer.from(body.subarray(0, 4 * MAX_REASON)).toString();
  return text.replace(/\p{Cc}/gu, ' ').slice(0, MAX_REASON);
}
