import { mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NO_NEEDS, NO_OFFER } from '../../src/core/needs.ts';
import { Sandboxes } from '../../src/node/sandboxes.ts';
import { WORKER_MARK } from '../../src/work/exec/worker-mark.ts';
import { OPEN } from '../../src/work/sandbox/sandbox.ts';
import { SmallMesh } from '../sim/small-mesh.ts';
import { scattered } from '../sim/world/program.ts';
import { hasPermission } from '../why-no-bwrap.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A folder without any program. */
let empty: string;
const path = process.env['PATH'] ?? '';
beforeEach(async () => {
  empty = await mkdtemp(join(tmpdir(), 'meshd-no-programs-'));
  process.env['PATH'] = empty;
});
afterEach(async () => {
  process.env['PATH'] = path;
  await rm(empty, { recursive: true });
});

test('a tier that this machine cannot do is refused, and what it can do is told', async () => {
  const why = /^--sandbox bwrap is not possible here: bwrap (is not installed|is for)/;
  const refusal = { code: 'MESH_USAGE', message: expect.stringMatching(why) };
  await expect(new Sandboxes('bwrap').check()).rejects.toMatchObject(refusal);
  await expect(new Sandboxes('none').check()).resolves.toBeUndefined();
  await expect(new Sandboxes(null).check()).resolves.toBeUndefined();
});

test.runIf(hasPermission)('without bwrap others’ functions are held, not commands', async () => {
  const held = { functions: 'permission', commands: 'none' } as const;
  expect(await new Sandboxes(null).report()).toMatchObject({
    ...{ ...held, othersFunctions: 'permission', othersCommands: 'none' },
    notes: expect.arrayContaining([expect.stringMatching(/^no bwrap: bwrap is not installed/)]),
    unheld: expect.stringMatching(
      /^other people’s commands run here with all your rights, for bwrap is not .* --sandbox perm/,
    ),
  });
  expect(await new Sandboxes('permission').report()).toMatchObject({
    ...{ ...held, othersFunctions: 'permission', othersCommands: null, unheld: null },
  });
  // The owner said so, and is not told.
  expect((await new Sandboxes('none').report()).unheld).toBeNull();
});

test.runIf(hasPermission)('own functions have what they need open, own commands all', () => {
  const own = new Sandboxes(null);
  const needs = { ...NO_NEEDS, net: true, reads: ['/b'], writes: ['/c'] };
  expect(own.own(bytes('export default 1'), false, needs)).toEqual({
    ...{ tier: 'permission', net: true, reads: ['/b'], writes: ['/c'] },
  });
  expect(own.own(bytes('{}'), true, needs)).toEqual(OPEN);
  expect(own.own(bytes(`${WORKER_MARK}export default 1`), false, needs)).toEqual(OPEN);
});

test.runIf(hasPermission)('a granted folder does not open what a link in it leads to', async () => {
  const granted = await mkdtemp(join(tmpdir(), 'meshd-granted-'));
  try {
    await mkdir(join(granted, 'own'));
    await symlink('own', join(granted, 'inner'));
    await symlink(empty, join(granted, 'outer'));
    const held = (path: string, kind: 'reads' | 'writes', by = new Sandboxes(null)) => {
      const mesh = new SmallMesh({ peers: 2 });
      mesh.pass(500);
      const needs = { ...NO_NEEDS, [kind]: [path] };
      mesh.peer(0).dispatch({ kind: 'offer', offer: { ...NO_OFFER, writes: [granted] } });
      const job = { program: scattered(2), accept: 1e6, needs };
      const { question } = mesh.publish(mesh.peer(1), job);
      mesh.pass(500);
      const { state } = mesh.peer(0);
      if (state === null) throw new Error('it runs');
      const { computation } = question;
      const work = { computation, program: bytes('export default 1'), params: 'null', seed: 0 };
      return by.hold(state, work);
    };
    for (const kind of ['reads', 'writes'] as const) {
      for (const name of ['own', 'inner', 'own/not-there', '']) {
        const path = join(granted, name);
        expect((await held(path, kind)).sandbox).toMatchObject({ [kind]: [path] });
      }
      const refusal = /outer leads to .* on this machine, which it does not grant/;
      await expect(held(join(granted, 'outer'), kind)).rejects.toThrow(refusal);
    }
    // Somebody put a link in its place since the peer started.
    const sandboxes = new Sandboxes(null, [granted]);
    await rename(granted, `${granted}-aside`);
    await symlink(empty, granted);
    await expect(held(granted, 'reads', sandboxes)).rejects.toThrow(/leads to/);
    await rm(granted);
    await rename(`${granted}-aside`, granted);
  } finally {
    await rm(granted, { recursive: true });
  }
});

test('a job of one’s own is held as one’s own also while nobody waits for it', async () => {
  const mesh = new SmallMesh({ peers: 1 });
  mesh.pass(500);
  const { question } = mesh.publish(mesh.peer(0), { program: scattered(2), accept: 1 });
  mesh.pass(500);
  mesh.peer(0).dispatch({ kind: 'on-demand' });
  const { state } = mesh.peer(0);
  if (state === null) throw new Error('it runs');
  const program = bytes(`${WORKER_MARK}export default 1`);
  const work = { computation: question.computation, program, params: 'null', seed: 0 };
  // Of another person's this would be refused.
  const held = await new Sandboxes('permission').hold(state, work);
  expect(held.sandbox).toEqual(OPEN);
});

test('what lacks a tag here is evaluated again as what it is: own commands with all open', async () => {
  const mesh = new SmallMesh({ peers: 2 });
  mesh.pass(500);
  const needs = { ...NO_NEEDS, tags: ['gpu'], reads: ['/b'] };
  const publishedBy = (publisher: 0 | 1): string => {
    const job = { program: scattered(2 + publisher), accept: 1e6, needs };
    const { question } = mesh.publish(mesh.peer(publisher), job);
    mesh.pass(500);
    return question.computation;
  };
  const { state } = mesh.peer(0);
  if (state === null) throw new Error('it runs');
  const held = (computation: string) =>
    new Sandboxes('permission').hold(state, {
      ...{ computation, program: bytes('{}'), params: 'null', seed: 0, commands: true },
    });
  expect((await held(publishedBy(0))).sandbox).toEqual(OPEN);
  await expect(held(publishedBy(1))).rejects.toMatchObject({
    code: 'MESH_NOT_EVALUATED',
    message: expect.stringMatching(
      / it needs tag gpu, which this machine does not have; and .*\/b/,
    ),
  });
});
