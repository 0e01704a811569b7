import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { oracle } from '../oracle.ts';
import { afterMs, InsideMesh, linesOf, untilTrue } from './inside-mesh.ts';

const TRACED = 'test/e2e/functions/traced.js';
const HANGS = 'test/e2e/functions/hangs.js';
const COUNTS = 'test/e2e/functions/counts.js';

/** Two heartbeats of 1 s ± 20 %. */
const TWO_HEARTBEATS_MS = 2400;

/** What a traced function wrote: indices that began and that ended, in the order of the writes. */
function traceOf(path: string): { readonly begun: number[]; readonly ended: number[] } {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  const numbers = (word: string): number[] =>
    lines.filter((line) => line.startsWith(word)).map((line) => Number(line.split(' ')[1]));
  return { begun: numbers('begin'), ended: numbers('end') };
}

describe('pause', () => {
  test('starts no batch on any peer after two heartbeats; resume goes on to the answer', async () => {
    await using mesh = await InsideMesh.open();
    const [a, b] = await mesh.three();
    const trace = join(mesh.folder, 'trace');
    const request = { fn: TRACED, accept: 100, params: { trace, ms: 5 }, allowWrite: [trace] };
    const job = await a.mesh.publish(request);
    for await (const _ of job.results()) break;
    await (await b.mesh.job(job.id)).pause();
    await afterMs(TWO_HEARTBEATS_MS);
    const before = traceOf(trace);
    const evaluated = (await job.show()).evaluated;
    expect(await mesh.busy()).toBe(0);
    expect((await job.show()).status).toBe('paused');
    await afterMs(TWO_HEARTBEATS_MS);
    expect(traceOf(trace)).toEqual(before);
    expect((await job.show()).evaluated).toBe(evaluated);
    expect(evaluated).toBeLessThan(1000);
    await (await b.mesh.job(job.id)).resume();
    const summary = await job.done();
    const truth = await oracle({ fn: TRACED, accept: 100 });
    expect(await linesOf(job.results())).toBe(truth.stdout);
    expect(summary.certificate).toBe(truth.certificate(summary.computation));
  });
});

describe('cancel', () => {
  test('kills what runs after its grace, on every peer', async () => {
    await using mesh = await InsideMesh.open({ graceMs: 300 });
    const [a, b] = await mesh.three();
    const trace = join(mesh.folder, 'trace');
    const job = await a.mesh.publish({
      ...{ fn: TRACED, accept: 5, params: { trace, ms: 3000 }, allowWrite: [trace] },
    });
    await untilTrue('three candidates run', async () => traceOf(trace).begun.length >= 3);
    const { ended } = traceOf(trace);
    await (await b.mesh.job(job.id)).cancel();
    await untilTrue('nothing runs', async () => (await mesh.busy()) === 0);
    expect((await job.done()).status).toBe('cancelled');
    for (const each of await mesh.onEach(job)) expect((await each.show()).status).toBe('cancelled');
    const { begun } = traceOf(trace);
    await afterMs(3200);
    expect(traceOf(trace)).toEqual({ begun, ended });
  });

  test('with wait lets running candidates end, and keeps what they gave', async () => {
    await using mesh = await InsideMesh.open({ graceMs: 300 });
    const [a, b] = await mesh.three();
    const trace = join(mesh.folder, 'trace');
    const job = await a.mesh.publish({
      ...{ fn: TRACED, accept: 5, params: { trace, ms: 1800 }, allowWrite: [trace] },
    });
    // What the trial before the publication began and did not end is not a running candidate.
    const tried = traceOf(trace).begun.length;
    await untilTrue('three candidates run', async () => {
      const isBegun = new Set(traceOf(trace).begun.slice(tried)).size >= 3;
      return isBegun && (await mesh.busy()) === 3;
    });
    await (await b.mesh.job(job.id)).cancel({ wait: true });
    const { begun } = traceOf(trace);
    await untilTrue('nothing runs', async () => (await mesh.busy()) === 0);
    const after = traceOf(trace);
    // A lease that gave way to another one leaves a candidate that began twice.
    expect(after.ended).toEqual(expect.arrayContaining(begun.slice(tried)));
    expect(after.begun).toEqual(begun);
    await untilTrue('the outcomes are known', async () => {
      return (await job.show()).ran === new Set(after.ended).size;
    });
    expect((await job.done()).status).toBe('cancelled');
  });
});

describe('skip', () => {
  test('frees the slot that hangs at the index; the answer leaves it out', async () => {
    await using mesh = await InsideMesh.open();
    const [a, b] = await mesh.three();
    const trace = join(mesh.folder, 'trace');
    const job = await a.mesh.publish({
      ...{ fn: HANGS, accept: 40, params: { hangsAt: 29, trace }, allowWrite: [trace] },
    });
    await untilTrue('it hangs', async () => existsSync(trace));
    await (await b.mesh.job(job.id)).skip(29);
    const summary = await job.done();
    const truth = await oracle({ fn: HANGS, accept: 40, skip: [29] });
    expect(summary).toMatchObject({ status: 'done', skipped: [29] });
    expect(await linesOf(job.results())).toBe(truth.stdout);
    expect(summary.certificate).toBe(truth.certificate(summary.computation));
    expect(await linesOf((await b.mesh.job(summary.job)).results())).toBe(truth.stdout);
    await untilTrue('nothing runs', async () => (await mesh.busy()) === 0);
  });
});

describe('priority', () => {
  test('is known on every peer, and a later one wins', async () => {
    await using mesh = await InsideMesh.open();
    const [a, b, c] = await mesh.three();
    const job = await a.mesh.publish({ fn: TRACED, accept: 1e6, params: { ms: 1 }, priority: -1 });
    await (await b.mesh.job(job.id)).priority(3);
    await (await c.mesh.job(job.id)).priority(5);
    for (const each of await mesh.onEach(job)) {
      await untilTrue('the priority is 5', async () => (await each.show()).priority === 5);
    }
    await job.cancel();
  });
});

describe('rerun', () => {
  test('gives the outcome of the answer and the log lines, on another peer too', async () => {
    await using mesh = await InsideMesh.open();
    const [a, b] = await mesh.three();
    const job = await a.mesh.publish({ fn: TRACED, accept: 5, seed: 3 });
    const lines = await Array.fromAsync(job.results());
    const [line] = lines.slice(-1);
    if (line === undefined || 'error' in line) throw new Error('no value');
    const rerun = await (await b.mesh.job(job.id)).rerun(line.index);
    expect(rerun.outcome).toEqual({ kind: 'accepted', text: JSON.stringify(line.value) });
    expect(rerun.log).toEqual([`x is ${line.value}`]);
    expect((await job.rerun(line.index + 1)).index).toBe(line.index + 1);
  });
});

describe('verify', () => {
  test('finds every outcome of a pure function equal', async () => {
    await using mesh = await InsideMesh.open();
    const { mesh: solo } = await mesh.solo(2);
    const job = await solo.publish({ fn: TRACED, accept: 30 });
    const { evaluated } = await job.done();
    const report = await job.verify({ sample: 1 });
    expect(report).toEqual({ checked: evaluated, equal: evaluated, different: [] });
    // Each candidate's line is there once.
    const logged = (await Array.fromAsync(job.logs())).flatMap((line) => {
      return 'missing' in line || line.index === null || line.index >= evaluated ? [] : line.index;
    });
    expect(logged.sort((a, b) => a - b)).toEqual([...Array(evaluated).keys()]);
  });

  test('is refused by a peer without slots', async () => {
    await using mesh = await InsideMesh.open();
    const [a, idle] = [await mesh.join(1), await mesh.join(0)];
    await mesh.seeOneAnother();
    const job = await a.mesh.publish({ fn: TRACED, accept: 3 });
    await job.done();
    const there = await idle.mesh.job(job.id);
    await expect(there.verify({ sample: 1 })).rejects.toMatchObject({ code: 'MESH_NOT_EVALUATED' });
  });

  test('finds a counter in module scope, and the answer stays as it was certified', async () => {
    await using mesh = await InsideMesh.open();
    const { mesh: solo } = await mesh.solo(1);
    const job = await solo.publish({ fn: COUNTS, accept: 100 });
    const { certificate, evaluated } = await job.done();
    const lines = await linesOf(job.results());
    const report = await job.verify({ sample: 1 });
    expect(report.different.length).toBeGreaterThan(0);
    expect(report.checked).toBe(evaluated);
    expect(await linesOf(job.results())).toBe(lines);
    expect((await job.done()).certificate).toBe(certificate);
    expect((await job.show()).alarms.length).toBeGreaterThan(0);
  });
});
