import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StreamBatches } from '../../src/cli/commands/batch-source.ts';
import { planBlocks } from '../../src/cli/commands/block-plan.ts';
import { Spool } from '../../src/cli/commands/spool.ts';

let folder = '';
let spool: Spool;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-batches-'));
  spool = new Spool(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Blocks of four bytes, `aaa` and a line’s end. */
function batchesOf(stdin: PassThrough, mostKeptBytes: number): StreamBatches {
  const commands = planBlocks(['cat'], { pipe: true, block: 4 }, stdin, spool);
  const coming = { commands, close: () => stdin.destroy() };
  return new StreamBatches(coming, spool, { mostKeptBytes });
}

const busy = { open: 100, slots: 1 };
const idle = { open: 0, slots: 1 };

describe('blocks for jobs', () => {
  test('are kept up to a limit, until some are done', async () => {
    const stdin = new PassThrough();
    const batches = batchesOf(stdin, 40);
    stdin.write('aaa\n'.repeat(1000));
    const first = await batches.next(() => busy);
    // A quarter of the limit, and no more than one block over it.
    expect([first?.length, spool.bytes <= 44]).toEqual([3, true]);
    let taken = first?.length ?? 0;
    for (let k = 0; k < 20; k++) {
      const all = (await batches.next(() => idle)) ?? [];
      taken += all.length;
      expect(spool.bytes).toBeLessThanOrEqual(44);
      for (const one of all) await batches.done(one);
      expect(spool.bytes).toBeLessThanOrEqual(44);
    }
    expect(taken).toBeLessThan(1000);
    batches.stop();
    expect([await batches.next(() => idle), stdin.destroyed]).toEqual([null, true]);
  });

  test('of a short stdin are one job', async () => {
    const stdin = new PassThrough();
    const batches = batchesOf(stdin, 1000);
    stdin.write('aaa\nbbb\n');
    stdin.end('ccc\n');
    expect((await batches.next(() => idle))?.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect([await batches.next(() => idle), batches.isOver]).toEqual([null, true]);
  });

  test('of arguments that come one after the other are one job', async () => {
    const commands = (async function* () {
      for (let seq = 1; seq <= 3; seq++) {
        yield [{ seq, args: [], command: 'echo', files: { sends: [], returns: [], args: [] } }];
        for (let k = 0; k < 5; k++) await setImmediate();
      }
    })();
    const batches = new StreamBatches({ commands, close() {} }, null);
    expect((await batches.next(() => idle))?.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  test('wait while the mesh has enough to do', async () => {
    const stdin = new PassThrough();
    const batches = batchesOf(stdin, 1000);
    let pace = busy;
    const next = batches.next(() => pace);
    stdin.write('aaa\n');
    const first = await Promise.race([next, new Promise((r) => setTimeout(r, 300, 'waits'))]);
    expect(first).toBe('waits');
    pace = idle;
    batches.look();
    expect(await next).toHaveLength(1);
  });

  test('that came before an error of reading are given before it is told', async () => {
    const stdin = new PassThrough();
    const batches = batchesOf(stdin, 1000);
    stdin.write('aaa\n');
    expect(await batches.next(() => idle)).toHaveLength(1);
    stdin.destroy(new Error('the disk has a fault'));
    await expect(batches.next(() => idle)).rejects.toThrow('the disk has a fault');
  });
});
