import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { namedPipe } from '../../src/cli/named-pipe.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-pipe-'));
const path = join(folder, 'pipe');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(process.platform === 'win32')('a pipe with a name', () => {
  beforeAll(() => void execFileSync('mkfifo', [path]));

  test('takes all that is written, also before somebody reads it', async () => {
    const text = `${'x'.repeat(99)}\n`.repeat(5000);
    const written = finished(namedPipe(path).end(text));
    expect(await readFile(path, 'utf8')).toBe(text);
    await written;
  });

  test('that nobody reads is left at an abort', async () => {
    const stop = new AbortController();
    const written = finished(namedPipe(path, stop.signal).end('text'));
    stop.abort();
    await expect(written).rejects.toThrow('aborted');
  });

  test('that nobody reads keeps no process from its end', async () => {
    const source = fileURLToPath(new URL('../../src/cli/output-file.ts', import.meta.url));
    const code = `import { resultSink } from ${JSON.stringify(source)};
      void resultSink({}, ${JSON.stringify(path)}).write('line');
      setTimeout(() => process.exit(7), 100);`;
    const argv = ['--input-type=module', '-e', code];
    const child = spawn(process.execPath, argv, { timeout: 8000, killSignal: 'SIGKILL' });
    expect(await once(child, 'close')).toEqual([7, null]);
  });
});
