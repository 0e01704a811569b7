import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { open } from '../../src/index.ts';
import { ALL_BLOBS } from '../../src/store/keys.ts';
import { oracle } from '../oracle.ts';

const QUESTION = { fn: 'test/index/long.js', accept: 40, seed: 3 };
/** Values have 402 bytes of JSON text, and a seal of 16. */
const VALUE_BYTES = 418;

let home = '';
beforeEach(async () => {
  home = join(await mkdtemp(join(tmpdir(), 'meshd-rotten-')), 'home');
});
afterEach(() => rm(join(home, '..'), { recursive: true, force: true }));

/** Flips a bit in every blob that this picks by its size; how many those are. */
async function damage(picks: (bytes: number) => boolean): Promise<number> {
  const raw = new Level<string, Uint8Array>(join(home, 'db'), { valueEncoding: 'view' });
  const all = await raw.iterator(ALL_BLOBS).all();
  const picked = all.filter(([, { length }]) => picks(length));
  for (const [key, bytes] of picked) {
    const at = bytes.length >> 1;
    await raw.put(
      key,
      Uint8Array.from(bytes, (byte, k) => (k === at ? byte ^ 4 : byte)),
    );
  }
  await raw.close();
  return picked.length;
}

/** Publishes on this home, and tells whether the answer is the oracle's. */
async function answers(question: typeof QUESTION): Promise<void> {
  const truth = await oracle(question);
  await using mesh = await open({ home, slots: 1 });
  const job = await mesh.publish(question);
  const lines = await Array.fromAsync(job.results());
  expect(lines.map((line) => `${JSON.stringify(line)}\n`).join('')).toBe(truth.stdout);
  const { certificate } = await job.done();
  expect(certificate).toBe(truth.certificate(job.computation));
}

test('values that are found damaged when they are read are evaluated again', async () => {
  await answers(QUESTION);
  const values = await damage((bytes) => bytes === VALUE_BYTES);
  expect(values).toBeGreaterThanOrEqual(QUESTION.accept);
  await answers(QUESTION);
}, 60_000);

test('a program and parameters that are damaged are those of the next publication', async () => {
  await answers(QUESTION);
  expect(await damage((bytes) => bytes !== VALUE_BYTES)).toBeGreaterThanOrEqual(2);
  await answers({ ...QUESTION, accept: 2 * QUESTION.accept });
}, 60_000);
