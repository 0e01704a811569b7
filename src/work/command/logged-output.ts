import { closeSync, openSync, readSync } from 'node:fs';
import type { Output } from './output-file.ts';

/** What is read of an output for the log: what one candidate may log. */
const MOST_BYTES = 65_536;

/** Logs what a command wrote to stderr, line by line; of a long one the beginning. */
export function logOutput(output: Output, log: (line: string) => void): void {
  const isHeld = output instanceof Uint8Array;
  const size = isHeld ? output.length : output.bytes;
  if (size === 0) return;
  const bytes = isHeld ? output.subarray(0, MOST_BYTES) : beginningOf(output.file);
  const lines = new TextDecoder().decode(bytes).split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const line of lines) log(line);
  if (size > bytes.length) log(`… ${size - bytes.length} bytes more`);
}

function beginningOf(file: string): Uint8Array {
  const descriptor = openSync(file, 'r');
  try {
    const buffer = Buffer.allocUnsafe(MOST_BYTES);
    return buffer.subarray(0, readSync(descriptor, buffer, 0, MOST_BYTES, 0));
  } finally {
    closeSync(descriptor);
  }
}
