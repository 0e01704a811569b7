import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LogLine } from '../../src/core/log-line.ts';
import { LogKeeper, type LogKeeperOptions } from '../../src/logs/log-keeper.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'meshd-logs-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const failures: string[] = [];

function open(options: Partial<LogKeeperOptions & { keepMs: number }> = {}): Promise<LogKeeper> {
  const onFailure = (why: string): void => void failures.push(why);
  return LogKeeper.open({ folder: join(root, 'logs'), keepMs: 60_000, onFailure, ...options });
}

function line(index: number, text = `line ${index}`): LogLine {
  return { timeMs: 1000 + index, index, level: 'info', text };
}

async function textsOf(keeper: LogKeeper, computation = A): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of keeper.read(computation)) texts.push(text);
  return texts;
}

describe('a keeper of logs', () => {
  test('gives back what it was given, also after the next start, each computation its own', async () => {
    const keeper = await open();
    for (let k = 0; k < 3; k += 1) keeper.keep(A, line(k));
    keeper.keep(B, line(9, 'two\nlines “…”'));
    expect(await textsOf(keeper)).toEqual(['line 0', 'line 1', 'line 2']);
    await keeper.close();
    const later = await open();
    later.keep(A, line(3));
    expect(await textsOf(later)).toEqual(['line 0', 'line 1', 'line 2', 'line 3']);
    expect(await textsOf(later, B)).toEqual(['two\nlines “…”']);
    await later.close();
  });

  test('writes within a second without being asked', async () => {
    const keeper = await open();
    keeper.keep(A, line(0));
    await expect
      .poll(() => readFileSync(join(root, 'logs', A, '1.ndjson'), 'utf8'), { timeout: 1000 })
      .toBe('[1000,0,"info","line 0"]\n');
    await keeper.close();
  });

  test('keeps the newest lines of a computation within its bytes, and counts the others', async () => {
    const keeper = await open({ computationBytes: 4000, chunkBytes: 1000 });
    for (let k = 0; k < 500; k += 1) {
      keeper.keep(A, line(k));
      if (k % 10 === 0) await textsOf(keeper);
    }
    const [first, ...kept] = await textsOf(keeper);
    expect(kept.at(-1)).toBe('line 499');
    expect(first).toBe(`… ${500 - kept.length} lines dropped`);
    expect(kept).toEqual(Array.from(kept, (_, k) => `line ${500 - kept.length + k}`));
    expect(kept.length).toBeGreaterThan(80);
    expect(bytesIn(join(root, 'logs', A))).toBeLessThan(4000);
    await keeper.close();
    const later = await open({ computationBytes: 4000, chunkBytes: 1000 });
    expect((await textsOf(later))[0]).toBe(first);
    await later.close();
  });

  test('takes room from the oldest when all together are too many', async () => {
    const limits = { totalBytes: 6000, chunkBytes: 1000 };
    const keeper = await open(limits);
    for (const computation of [A, B]) {
      for (let k = 0; k < 140; k += 1) {
        keeper.keep(computation, line(k));
        if (k % 10 === 0) await textsOf(keeper, computation);
      }
    }
    expect(await textsOf(keeper, B)).toHaveLength(140);
    expect((await textsOf(keeper, A))[0]).toMatch(/^… \d+ lines dropped$/);
    expect(bytesIn(join(root, 'logs', A)) + bytesIn(join(root, 'logs', B))).toBeLessThan(6000);
    await keeper.close();
  });

  test('does not let lines that wait take memory without end', async () => {
    const keeper = await open();
    const long = 'x'.repeat(2000);
    for (let k = 0; k < 2000; k += 1) keeper.keep(A, line(k, long));
    const texts = await textsOf(keeper);
    expect(texts.length).toBeLessThan(530);
    expect(texts.at(-1)).toBe(`… ${2000 - (texts.length - 1)} lines dropped`);
    await keeper.close();
  });

  test('tells one line of what was dropped in a moment, with its index if that is one', async () => {
    const keeper = await open();
    keeper.drop(A, 4, 2);
    keeper.drop(A, 4, 1);
    expect(await textsOf(keeper)).toEqual(['… 3 lines dropped']);
    keeper.drop(A, 4, 1);
    keeper.drop(A, 5, 1);
    const indices: (number | null)[] = [];
    for await (const { index } of keeper.read(A)) indices.push(index);
    expect(indices).toEqual([4, null]);
    await keeper.close();
  });

  test('reads on behind half a line, as a kill leaves it', async () => {
    const keeper = await open();
    keeper.keep(A, line(0));
    await keeper.close();
    writeFileSync(join(root, 'logs', A, '1.ndjson'), '[1001,1,"in', { flag: 'a' });
    const later = await open();
    later.keep(A, line(2));
    expect(await textsOf(later)).toEqual(['line 0', 'line 2']);
    await later.close();
  });

  test('forgets a computation, and what nobody wrote to for long', async () => {
    const keeper = await open();
    keeper.keep(A, line(0));
    keeper.keep(B, line(0));
    await textsOf(keeper);
    keeper.forget(A);
    expect(await textsOf(keeper)).toEqual([]);
    await keeper.close();
    expect(readdirSync(join(root, 'logs'))).toEqual([B]);
    const old = new Date(Date.now() - 100_000);
    utimesSync(join(root, 'logs', B, '1.ndjson'), old, old);
    await (await open()).close();
    expect(readdirSync(join(root, 'logs'))).toEqual([]);
  });

  test('makes no home where there is none any more, says so once, and counts what is lost', async () => {
    const keeper = await open();
    rmSync(root, { recursive: true });
    failures.length = 0;
    keeper.keep(A, line(0));
    expect(await textsOf(keeper)).toEqual([]);
    keeper.keep(A, line(1));
    expect(await textsOf(keeper)).toEqual([]);
    expect(failures).toEqual([expect.stringContaining('ENOENT')]);
    await keeper.close();
    expect(() => statSync(root)).toThrow('ENOENT');
  });

  test('gives a follower each line once: what was there, and then what comes', async () => {
    const keeper = await open();
    keeper.keep(A, line(0));
    const stop = new AbortController();
    const heard: string[] = [];
    let caughtUp = Number.NaN;
    const options = {
      follow: stop.signal,
      caughtUp() {
        caughtUp = heard.length;
      },
    };
    for await (const { text } of keeper.read(A, options)) {
      heard.push(text);
      const next = heard.length;
      if (next < 5) setImmediate(() => keeper.keep(A, line(next)));
      else stop.abort();
    }
    expect(heard).toEqual([0, 1, 2, 3, 4].map((k) => `line ${k}`));
    expect(caughtUp).toBeLessThanOrEqual(2);
    await keeper.close();
  });
});

function bytesIn(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
