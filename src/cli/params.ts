import { MeshError } from '../core/mesh-error.ts';
import { lossyNumber, lossyText } from './lossy-number.ts';
import { readText } from './text-file.ts';

/** Of a file of parameters: they have 1 MiB at most, but may be set out with white space. */
const MOST_BYTES = 2 ** 24;
/** Of a text that is shown. */
const SHOWN = 60;

/**
 * Parameters as --params gives them: JSON, or `@FILE` with JSON in UTF-8. `warn` is told of the
 * first number that changes when it is read.
 * @throws MeshError MESH_NO_FILE; MESH_BAD_PARAMS for what is no JSON; MESH_USAGE for a file that
 * is no UTF-8, or has more than 16 MiB
 */
export async function readParams(
  given: string,
  warn: (line: string) => void = () => undefined,
): Promise<unknown> {
  const path = given.startsWith('@') ? given.slice(1) : null;
  const option = given.length > SHOWN ? `${given.slice(0, SHOWN)}…` : given;
  const shown = `--params ${option}`;
  const tooLong = `${shown}: more than 16 MiB, where parameters are 1 MiB at most`;
  const text =
    path === null ? given : await readText({ shown, from: path, mostBytes: MOST_BYTES, tooLong });
  try {
    const value: unknown = JSON.parse(text);
    const lossy = lossyNumber(text, false);
    if (lossy !== null) {
      warn(`${path === null ? '--params' : shown}: ${lossyText('params', lossy)}`);
    }
    return value;
  } catch (cause) {
    const hint = path === null ? `; a file is given as @FILE` : '';
    const reason = `${shown}: not JSON (${(cause as Error).message})${hint}`;
    throw new MeshError('MESH_BAD_PARAMS', reason, { cause });
  }
}
