import { clipText } from './clip-text.ts';

const MAX_LINE_BYTES = 2048;
const LINES_PER_SECOND = 100;

/**
 * Makes the `log` of user code: joins its values with spaces and passes on lines of at most 2 KiB,
 * 100 a second; what is beyond is counted and told with the next line that passes.
 * @param now a clock in ms
 */
export function createLog(
  tell: (line: string) => void,
  now: () => number,
): (...values: unknown[]) => void {
  let second = Number.NEGATIVE_INFINITY;
  let lines = 0;
  let dropped = 0;
  return (...values) => {
    if (now() - second >= 1000) {
      second = now();
      lines = 0;
    }
    lines += 1;
    if (lines > LINES_PER_SECOND) {
      dropped += 1;
      return;
    }
    // No method of arrays is called here: user code may have changed them.
    let words = '';
    for (let k = 0; k < values.length; k += 1) words += `${k === 0 ? '' : ' '}${text(values[k])}`;
    const line = clipText(words, MAX_LINE_BYTES - 40);
    tell(dropped === 0 ? line : `${line} (${dropped} lines before this one dropped)`);
    dropped = 0;
  };
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return value.stack ?? String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Cycles and BigInts: logging never fails a candidate.
    return String(value);
  }
}
