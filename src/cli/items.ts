import type { Readable } from 'node:stream';
import { MeshError } from '../core/mesh-error.ts';
import { MAX_ITEMS_BYTES } from '../node/jobs/submission.ts';
import { lossyNumber, lossyText } from './lossy-number.ts';
import { readText } from './text-file.ts';

/**
 * The items of a file in UTF-8, or of stdin for `-`: one a line, blank lines left out. JSON values
 * if every line parses as JSON, else texts; `warn` is told if most of them would parse, and of the
 * first number that changes by that.
 * @throws MeshError MESH_NO_FILE, MESH_USAGE when there are none, more than 256 MiB of them, or
 * bytes that are no UTF-8.
 */
export async function readItems(
  source: string,
  stdin: Readable,
  warn: (line: string) => void = () => undefined,
): Promise<unknown[]> {
  const text = await readText({
    shown: `--items ${source}`,
    from: source === '-' ? stdin : source,
    mostBytes: MAX_ITEMS_BYTES,
    tooLong: '--items: more than 256 MiB; split the file',
  });
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  if (lines.length === 0) {
    const name = source === '-' ? 'stdin' : source;
    throw new MeshError('MESH_USAGE', `--items: ${name} has no lines; give one item a line`);
  }
  const values: unknown[] = [];
  const odd: string[] = [];
  for (const line of lines) {
    try {
      values.push(JSON.parse(line));
    } catch {
      odd.push(line);
    }
  }
  const [first] = odd;
  if (first === undefined) {
    const lossy = lossyNumber(text, true);
    if (lossy !== null) {
      warn(`--items ${source}, line ${lossy.line}: ${lossyText('item', lossy)}`);
    }
    return values;
  }
  // One line that is not JSON makes all of them texts: no item is read by another rule.
  if (odd.length < values.length) {
    const shown = JSON.stringify(first.length > 40 ? `${first.slice(0, 40)}…` : first);
    const count = odd.length === 1 ? 'a line is' : `${odd.length} lines are`;
    warn(`--items: ${count} not JSON (${shown}), so all ${lines.length} items are texts`);
  }
  return lines;
}
