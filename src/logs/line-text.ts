import { isLogLevel, type LogLine, MAX_LOG_TEXT_BYTES } from '../core/log-line.ts';

/** A line as it is kept and sent: JSON, without a line feed. */
export function encodeLine({ timeMs, index, level, text }: LogLine): string {
  return JSON.stringify([Math.round(timeMs), index, level, text]);
}

/** Reads what `encodeLine` wrote; null for anything else, such as half a line. */
export function decodeLine(line: string): LogLine | null {
  if (line === '') return null;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Cut short by a kill, or damaged: the others are as good as before.
    return null;
  }
  if (!Array.isArray(value)) return null;
  const [timeMs, index, level, text] = value as unknown[];
  const isIndex = index === null || (Number.isSafeInteger(index) && (index as number) >= 0);
  if (!Number.isSafeInteger(timeMs) || !isIndex || !isLogLevel(level)) return null;
  if (typeof text !== 'string' || text.length > MAX_LOG_TEXT_BYTES) return null;
  return { timeMs: timeMs as number, index: index as number | null, level, text };
}
