import { readFileSync } from 'node:fs';

/** Reads a file from candidate `from` on. */
export default function reads({ index, params }) {
  return index < params.from ? 0 : readFileSync(params.path).length;
}
