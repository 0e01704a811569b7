import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleText } from '../bundle.ts';
import type { WorkerSpec } from './line-worker.ts';
import { WORKER_MARK } from './worker-mark.ts';

/** Words of a command for sh that may name a file. */
const WORD = /(?:'[^']*'|"[^"]*"|[^\s;|&<>()'"`$])+/g;

/** Larger files are data, and not looked at. */
const MOST_BYTES = 16_777_216;

/**
 * Bundles the program of a job whose candidates a lasting worker evaluates (line-worker.ts). The
 * files that the command names, up to 16 MiB each, are part of it by their content.
 */
export async function bundleWorker(command: string, directory: string): Promise<Uint8Array> {
  const files: Record<string, string> = {};
  for (const word of command.match(WORD) ?? []) {
    const name = word.replaceAll(/['"]/g, '');
    const hash = hashOf(resolve(directory, name));
    if (hash !== null && !isAbsolute(name)) files[name] = hash;
  }
  const spec: WorkerSpec = { command, directory, files };
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
  const module = fileURLToPath(new URL(`./line-worker${ending}`, import.meta.url));
  const text = await bundleText(
    `import { lineWorker } from ${JSON.stringify(module)};\n` +
      `export const { setup, evaluate, teardown } = lineWorker(${JSON.stringify(spec)});\n` +
      'export default evaluate;\n',
  );
  return Buffer.concat([new TextEncoder().encode(WORKER_MARK), text]);
}

function hashOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true || found.size > MOST_BYTES) return null;
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
