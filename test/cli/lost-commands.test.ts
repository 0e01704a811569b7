import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runCaptured } from './captured-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-lost-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const healed = join(folder, 'healed');
/** Until then it ends the executor that runs it: of that command there is no outcome. */
const command = `echo {}; test -e '${healed}' || kill -KILL $(cut -d' ' -f4 /proc/$PPID/stat)`;
const argv = ['run', '--home', join(folder, 'home'), '--', command, ':::', 'a'];

describe.skipIf(process.platform !== 'linux')('a command that came to no outcome', () => {
  test('is run again by the same command line', async () => {
    expect(await runCaptured(argv)).toMatchObject({ code: 1, stdout: '' });
    writeFileSync(healed, '');
    expect(await runCaptured(argv)).toMatchObject({ code: 0, stdout: 'a\n' });
    const known = await runCaptured(argv);
    expect(known).toMatchObject({ code: 0, stdout: 'a\n' });
    expect(known.stderr).toContain('all known before');
  });
});
