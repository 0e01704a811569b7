import { setTimeout as sleep } from 'node:timers/promises';
import { MeshError } from '../core/mesh-error.ts';
import type { Peer } from '../node/peer.ts';
import { type Context, tell } from './context.ts';

/** Between two searches for a member, in ms: the first, doubled each time up to the last. */
const PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

/** How long members known from before may take to answer before a person is told, in ms. */
const ANSWER_MS = 15_000;

const LOOK_MS = 100;

export interface SeekOptions {
  /** What to do when nobody answers. */
  readonly seek: 'wait' | 'once';
  readonly signal: AbortSignal;
  /** For how long a member is looked for. */
  readonly limitMs: number;
}

/**
 * Starts a peer that is to find others. One that knows members from before is ready at once and
 * goes on looking; a new one starts again until a bootstrap answers. Null when it was interrupted
 * meanwhile. @throws MeshError MESH_NO_BOOTSTRAP when nobody answered and it is not to wait.
 */
export async function seekMesh(
  context: Context,
  start: () => Promise<Peer>,
  options: SeekOptions,
): Promise<Peer | null> {
  const { seek, signal } = options;
  const until = performance.now() + options.limitMs;
  let isTold = false;
  for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      const peer = await start();
      return await meet(context, peer, options);
    } catch (error) {
      if (signal.aborted) return null;
      const isNobody = error instanceof MeshError && error.code === 'MESH_NO_BOOTSTRAP';
      if (!isNobody || seek === 'once' || performance.now() + pauseMs > until) throw error;
      if (!isTold) tellWaiting(context, error.message);
      isTold = true;
    }
    try {
      await sleep(pauseMs, undefined, { signal });
    } catch {
      return null;
    }
  }
}

/** A peer that was a member before is not told at once whether anybody is there. */
async function meet(context: Context, peer: Peer, options: SeekOptions): Promise<Peer> {
  const met = isMet(peer, options.signal);
  if (options.seek === 'wait') {
    void met.then((answered) => {
      if (answered !== false) return;
      tellWaiting(context, 'no member known from before answers');
    });
    return peer;
  }
  if ((await met) !== false) return peer;
  await peer.close();
  const text = 'no member known from before answers: give an invite, or leave out --no-wait';
  throw new MeshError('MESH_NO_BOOTSTRAP', text);
}

/** Whether another member is connected within some time; null when the peer ended meanwhile. */
async function isMet(peer: Peer, signal: AbortSignal): Promise<boolean | null> {
  const over = peer.ended.then(() => true);
  const until = performance.now() + ANSWER_MS;
  while (performance.now() < until) {
    if (signal.aborted) return null;
    if ((await peer.mesh.peers()).some(({ self, via }) => !self && via !== 'none')) return true;
    const ended = await Promise.race([over, sleep(LOOK_MS, false, { ref: false })]);
    if (ended) return null;
  }
  return false;
}

function tellWaiting(context: Context, why: string): void {
  const text = `waiting for the mesh: ${why}; it goes on trying (--no-wait: exit 3 instead)`;
  tell(context, text, { event: 'waiting', why });
}
