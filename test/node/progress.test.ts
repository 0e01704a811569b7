import { expect, test } from 'vitest';
import type { JobState } from '../../src/core/job-state.ts';
import type { PeerState } from '../../src/core/peer-state.ts';
import { ProgressMeter } from '../../src/node/reports/progress.ts';
import { SmallMesh } from '../sim/small-mesh.ts';
import { scattered } from '../sim/world/program.ts';

const WAITS = 'room on the disk of /the/home';

function waitsFor(state: PeerState, job: JobState): string | null {
  return new ProgressMeter('/the/home').read(state, job, 0).waitsFor;
}

test('a job that waits for room names the disk, also when all of it is evaluated', () => {
  const mesh = new SmallMesh({ peers: 1 });
  const peer = mesh.peer(0);
  const { id } = mesh.publish(peer, { program: scattered(10), accept: 100 });
  mesh.until('it works', () => peer.executors.busy > 0);
  const stateNow = (): readonly [PeerState, JobState] => {
    const job = mesh.job(peer, id);
    if (peer.state === null || job === undefined) throw new Error('the peer has no job');
    return [peer.state, job];
  };
  peer.full = true;
  mesh.until('its disk is full', () => peer.state?.diskFull === true);
  expect(waitsFor(...stateNow())).toBe(WAITS);
  peer.full = false;
  mesh.until('it is done', () => mesh.job(peer, id)?.phase === 'done');
  const [state, job] = stateNow();
  expect(waitsFor(state, job)).toBeNull();
  // Its last write found no room.
  job.answerWrite = state.stored + 1;
  state.diskFull = true;
  expect(waitsFor(state, job)).toBe(WAITS);
  job.answerWrite = state.stored;
  expect(waitsFor(state, job)).toBeNull();
});
