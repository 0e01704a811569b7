import { describe, expect, test } from 'vitest';
import { finalLines, linesBetween } from '../../src/core/answer.ts';
import type { JobId } from '../../src/core/ids.ts';
import { NO_LIMITS } from '../../src/core/limits.ts';
import { SmallMesh } from '../sim/small-mesh.ts';
import type { Machine } from '../sim/world/machine.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';

const SECOND = { ...NO_LIMITS, timeoutMs: 1000 };

function linesOf(mesh: SmallMesh, peer: Machine, id: JobId): number[] {
  const job = mesh.job(peer, id);
  if (job === undefined) throw new Error('not known');
  return [...linesBetween(job, 0, finalLines(job))].map(({ index }) => index);
}

describe('lines that are final on a fast machine, one of them of what the slow owner fails at,', () => {
  /**
   * The two are apart until the owner has left out what it fails at, and what dies everywhere.
   * killed: the fast one is, once the line is final.
   */
  function apart(deadly: readonly number[], { killed = false, seed = 1 } = {}) {
    const program = { ...scattered(1, 5, 'slow at 30'), limit: [30], deadly, longMs: 800 };
    const mesh = new SmallMesh({ peers: 2, seed, slowness: [4, 1] });
    mesh.pass(1000);
    const [slow, fast] = [mesh.peer(0), mesh.peer(1)];
    const { id, question } = mesh.publish(slow, { program, accept: 300, limits: SECOND });
    mesh.until('both work', () => mesh.peers.every(({ executors }) => executors.busy === 1));
    mesh.partition([slow], [fast]);
    mesh.until('the line is final', () => linesOf(mesh, fast, id).includes(30));
    // It is on the disk by then.
    mesh.pass(100);
    const shown = linesOf(mesh, fast, id);
    if (killed) mesh.kill(fast);
    mesh.until('the owner is done', () => mesh.job(slow, id)?.ending != null);
    expect(shown).toContain(30);
    expect(mesh.job(slow, id)?.skipped).toEqual([30, ...deadly]);
    return { mesh, slow, fast, id, question, shown };
  }

  test('stay: its clients get the job’s own answer', () => {
    const { mesh, slow, fast, id, question, shown } = apart([]);
    mesh.heal();
    mesh.until('it is done', () => mesh.job(fast, id)?.ending != null);
    expect(mesh.job(fast, id)?.ending?.certificate).toBe(askOracle(question).certificate);
    expect(linesOf(mesh, fast, id).slice(0, shown.length)).toEqual(shown);
    expect(mesh.job(slow, id)?.ending?.certificate).toBe(askOracle(question, [30]).certificate);
  });

  test('stay where another index is stuck to all: the answer leaves out that one alone', () => {
    const { mesh, fast, id, question, shown } = apart([250]);
    mesh.heal();
    mesh.until('it is done', () => mesh.job(fast, id)?.ending != null);
    const { certificate } = askOracle(question, [250]);
    expect(mesh.job(fast, id)?.ending?.certificate).toBe(certificate);
    expect(linesOf(mesh, fast, id).slice(0, shown.length)).toEqual(shown);
    mesh.kill(fast);
    mesh.start(fast);
    mesh.until('it knows', () => mesh.job(fast, id)?.ending != null);
    expect(mesh.job(fast, id)?.ending?.certificate).toBe(certificate);
  });

  test('stay where it is started again before there is such an answer', () => {
    const { mesh, fast, id, question } = apart([250], { killed: true, seed: 5 });
    mesh.heal();
    mesh.start(fast);
    const isBetween = (): boolean => {
      const job = mesh.job(fast, id);
      return job?.endedBy === 'own' && job.ending === null;
    };
    const isKept = (): boolean => fast.disk.locals.has(`ended/${id}`);
    // In this world that is on its disk before it has an answer of its own.
    mesh.until('it heard of the other answer', () => isBetween() && isKept());
    mesh.kill(fast);
    mesh.start(fast);
    mesh.until('it is done', () => mesh.job(fast, id)?.ending != null);
    const { certificate } = askOracle(question, [250]);
    expect(mesh.job(fast, id)?.ending?.certificate).toBe(certificate);
  });
});
