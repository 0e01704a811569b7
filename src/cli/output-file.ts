import {
  accessSync,
  constants,
  createWriteStream,
  fstatSync,
  realpathSync,
  statSync,
  writeSync,
} from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { LineWriter } from '../control/line-writer.ts';
import { MeshError } from '../core/mesh-error.ts';
import type { Io } from './context.ts';

/** Takes result lines. */
export interface ResultSink {
  write(line: string): Promise<void> | undefined;
  end(): Promise<void>;
}

/** Says before anything is done that a file could not be written. @throws MeshError MESH_USAGE */
export function checkWritable(flag: string, path: string | undefined): void {
  if (path === undefined) return;
  const whole = resolve(path);
  const found = statSync(whole, { throwIfNoEntry: false });
  const fault = (reason: string): MeshError =>
    new MeshError('MESH_USAGE', `${flag} ${path}: ${reason}`);
  if (found?.isDirectory()) throw fault('that is a folder; give a file');
  try {
    accessSync(found ? whole : dirname(whole), constants.W_OK);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw fault(missing ? `there is no folder ${dirname(whole)}` : 'it cannot be written');
  }
}

/** Result lines go to the file, from its start, as they come; without a file to stdout. */
export function resultSink(io: Io, path: string | undefined): ResultSink {
  if (path === undefined) {
    const writer = new LineWriter(io.stdout);
    return { write: (line) => writer.write(line), end: () => writer.flush() };
  }
  const file = createWriteStream(path);
  const writer = new LineWriter(file);
  return {
    write: (line) => writer.write(line),
    async end() {
      await writer.flush();
      file.end();
      await finished(file);
    },
  };
}

/**
 * Writes a JSON object as a whole or not at all: another file of the folder is renamed. A link is
 * followed; a device, a pipe or this process's own output is written to.
 */
export async function writeWhole(path: string, value: object): Promise<void> {
  const text = `${JSON.stringify(value)}\n`;
  const found = statSync(resolve(path), { throwIfNoEntry: false });
  const whole = found === undefined ? resolve(path) : realpathSync(resolve(path));
  for (const output of [1, 2]) {
    const own = fstatSync(output);
    // /dev/stdout leads to the very file that stdout was sent to: replacing it would lose that.
    if (found?.isFile() && own.dev === found.dev && own.ino === found.ino) {
      writeSync(output, text);
      return;
    }
  }
  if (found && !found.isFile()) return writeFile(path, text);
  const draft = join(dirname(whole), `.${process.pid}.meshd-summary`);
  await writeFile(draft, text);
  await rename(draft, whole);
}
