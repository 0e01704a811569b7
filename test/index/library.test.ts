import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MeshError, open, type ResultLine } from '../../src/index.ts';
import { oracle } from '../oracle.ts';

const PI = 'examples/pi.js';
const NEVER = 'test/e2e/functions/never.js';
const CLOCK = 'test/index/clock.js';
const READS = 'test/index/reads.js';
const DOUBLE = 'test/index/double.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshd-library-'));
  await writeFile(join(folder, 'read.txt'), 'text');
});
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

function textOf(lines: readonly ResultLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

describe('open', () => {
  test('publishes, gives the lines in index order, and a summary', async () => {
    await using mesh = await open({ home: join(folder, 'publish'), slots: 2 });
    const job = await mesh.publish({ fn: PI, accept: 200, seed: 5, params: { any: true } });
    const lines: ResultLine[] = [];
    for await (const line of job.results()) lines.push(line);
    const truth = await oracle({ fn: PI, accept: 200, seed: 5 });
    expect(textOf(lines)).toBe(truth.stdout);
    const summary = await job.done();
    expect(summary).toMatchObject({
      ...{ job: job.id, computation: job.computation, seed: 5, status: 'done' },
      ...{ accepted: 200, evaluated: truth.evaluated, skipped: [], errors: 0, copies: 1, peers: 1 },
      certificate: truth.certificate(job.computation),
    });
  });

  test('takes a file URL, and maps items in their order', async () => {
    await using mesh = await open({ home: join(folder, 'map'), slots: 2 });
    const items = Array.from({ length: 50 }, (_, k) => ({ k }));
    const fn = new URL('./double.js', import.meta.url);
    const job = await mesh.publish({ fn, items });
    expect(textOf(await Array.fromAsync(job.results()))).toBe(
      (await oracle({ fn: DOUBLE, items })).stdout,
    );
    expect(await job.done()).toMatchObject({ status: 'done', accepted: 49, errors: 1 });
  });

  test('publishes no function whose candidate 0 gives two answers', async () => {
    await using mesh = await open({ home: join(folder, 'clock'), slots: 1 });
    const publishing = mesh.publish({ fn: CLOCK, accept: 5 });
    await expect(publishing).rejects.toMatchObject({
      code: 'MESH_BAD_FUNCTION',
      message: expect.stringMatching(/^clock: candidate 0 comes to [\d.]+ and then to [\d.]+; /),
    });
    expect(await mesh.jobs()).toEqual([]);
  });

  test('publishes no function that the sandbox refuses at once, unless it is opened', async () => {
    await using mesh = await open({ home: join(folder, 'reads'), slots: 1 });
    const params = { path: join(folder, 'read.txt'), from: 0 };
    const publishing = mesh.publish({ fn: READS, accept: 5, params });
    await expect(publishing).rejects.toMatchObject({
      code: 'MESH_BAD_FUNCTION',
      message:
        `reads: candidate 0 fails: the sandbox refuses FileSystemRead of ${params.path}: ` +
        '--allow-read opens it',
    });
    expect(await mesh.jobs()).toEqual([]);
    const allowRead = [params.path];
    const job = await mesh.publish({ fn: READS, accept: 5, params, allowRead });
    expect(await job.done()).toMatchObject({ status: 'done', accepted: 5 });
  });

  test('goes on without a later candidate that the sandbox refuses', async () => {
    await using mesh = await open({ home: join(folder, 'reads-later'), slots: 1 });
    const params = { path: join(folder, 'read.txt'), from: 1 };
    const job = await mesh.publish({ fn: READS, items: [0, 1], params });
    expect(await job.done()).toMatchObject({ accepted: 1, skipped: [1] });
  });

  test('after close, opens the same home again with all that was known', async () => {
    const home = join(folder, 'again');
    const run = async (): Promise<number> => {
      await using mesh = await open({ home, slots: 1 });
      return (await (await mesh.publish({ fn: PI, accept: 50 })).done()).ran;
    };
    expect(await run()).toBeGreaterThan(0);
    expect(await run()).toBe(0);
  });

  test('in a second process on a home goes through the first', async () => {
    const home = join(folder, 'shared');
    await using mesh = await open({ home, slots: 1 });
    const index = new URL('../../src/index.ts', import.meta.url).href;
    const program = `
      import { open } from ${JSON.stringify(index)};
      await using mesh = await open({ home: ${JSON.stringify(home)} });
      const job = await mesh.publish({ fn: 'examples/pi.js', accept: 20, name: 'other' });
      const { certificate } = await job.done();
      console.log(JSON.stringify({ embedded: mesh.embedded, certificate }));
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program]);
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    const job = await mesh.job('other');
    const truth = await oracle({ fn: PI, accept: 20 });
    const certificate = truth.certificate(job.computation);
    expect(JSON.parse(line as string)).toEqual({ embedded: false, certificate });
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  });
});

describe('what cannot be', () => {
  test('an aborted wait rejects with the signal’s reason, and the job goes on', async () => {
    await using mesh = await open({ home: join(folder, 'abort'), slots: 1 });
    const job = await mesh.publish({ fn: NEVER, accept: 1 });
    const stop = new AbortController();
    const { signal } = stop;
    const waits = [job.done({ signal }), Array.fromAsync(job.results({ signal }))];
    stop.abort(new Error('enough'));
    for (const wait of waits) await expect(wait).rejects.toThrow('enough');
    expect((await job.show()).status).toBe('running');
    await job.cancel();
    expect((await job.done()).status).toBe('cancelled');
  });

  test('is told as a MeshError with a code, a wrong argument as a TypeError', async () => {
    await using mesh = await open({ home: join(folder, 'errors'), slots: 1 });
    const code = async (work: Promise<unknown>): Promise<unknown> => {
      const error = await work.then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error instanceof MeshError) return error.code;
      return error instanceof TypeError ? 'TypeError' : error;
    };
    expect(await code(mesh.publish({ fn: 'no-such.js', accept: 1 }))).toBe('MESH_NO_FILE');
    expect(await code(mesh.publish({ fn: PI, accept: 0 }))).toBe('TypeError');
    expect(await code(mesh.publish({ fn: PI }))).toBe('TypeError');
    expect(await code(mesh.job('nothing'))).toBe('MESH_UNKNOWN_JOB');
    expect(await code(mesh.invite())).toBe('MESH_NOT_MEMBER');
    expect(await mesh.jobs()).toEqual([]);
    const job = await mesh.publish({ fn: PI, accept: 5 });
    await job.done();
    expect(await code(job.pause())).toBe('MESH_JOB_ENDED');
    await mesh.close();
    expect(await code(job.done())).toBe('MESH_STOPPED');
  });
});
