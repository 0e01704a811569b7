import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import { runCaptured, startCaptured } from './captured-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-slots-'));
const run = ['run', '--home', join(folder, 'home'), '--wd', folder];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a command is told', () => {
  test('its slot, which no other has at the same time', async () => {
    // Each makes a folder of its slot's name, and finds one there that another has.
    const command = 'mkdir slot-{%} && echo $PARALLEL_JOBSLOT; sleep 0.05; rmdir slot-{%}; : {}';
    const args = Array.from({ length: 12 }, (_, k) => String(k));
    const { code, stdout } = await runCaptured([...run, '-j3', command, ':::', ...args]);
    const slots = stdout.trimEnd().split('\n');
    expect([code, slots.length, [...new Set(slots)].sort()]).toEqual([0, 12, ['1', '2', '3']]);
  });

  test('its number, also where others are known, or left out, or of an earlier job', async () => {
    const command = 'echo $PARALLEL_SEQ {}';
    await runCaptured([...run, command, ':::', 'b']);
    const { stdout } = await runCaptured([...run, command, ':::', 'a', 'b', 'c']);
    // What b printed as the first of its list is kept.
    expect(stdout).toBe('1 a\n1 b\n3 c\n');
    const stdin = new PassThrough();
    const piped = [...run, '--pipe', '--block', '2', '-N1', 'echo $PARALLEL_SEQ; cat'];
    const running = startCaptured(piped, { stdin });
    stdin.write('x\n');
    await running.prints('1\nx\n');
    stdin.end('y\n');
    expect((await running.done).stdout).toBe('1\nx\n2\ny\n');
  });
});
