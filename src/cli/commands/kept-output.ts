import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { MeshError } from '../../core/mesh-error.ts';
import { isDiskFull } from '../../files/disk-full.ts';
import type { CommandValue } from '../../node/reports/command-result.ts';
import { bytesOf } from './writer.ts';

/**
 * Writes what a command wrote to stdout to a new file (--files), for this user alone. Its path.
 * folder: where; undefined: that for temporary files. @throws MeshError MESH_DISK_FULL, MESH_USAGE
 */
export async function keepOutput(
  folder: string | undefined,
  { stdout, stdoutBase64, stdoutFile }: CommandValue,
): Promise<string> {
  const name = `par${randomBytes(6).toString('hex')}.par`;
  const path = folder === undefined ? join(tmpdir(), name) : join(resolve(folder), name);
  const bytes = bytesOf(stdout, stdoutBase64, stdoutFile);
  try {
    if (bytes === null) await copyFile(stdoutFile?.file ?? '', path, constants.COPYFILE_EXCL);
    else await writeFile(path, bytes, { flag: 'wx', mode: 0o600 });
    return path;
  } catch (cause) {
    const isFull = isDiskFull(cause);
    const { message } = cause as Error;
    const text = isFull ? 'the disk is full; free some space, or give --tmpdir' : message;
    throw new MeshError(isFull ? 'MESH_DISK_FULL' : 'MESH_USAGE', `--files: ${text}`, { cause });
  }
}
