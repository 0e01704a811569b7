import type { Env, StoreWrite } from '../../../src/core/event.ts';
import { startKey } from '../../../src/core/ids.ts';
import { newPeerState, type PeerState } from '../../../src/core/peer-state.ts';
import { step } from '../../../src/core/step.ts';
import type { TinyMesh } from '../../sim/tiny-mesh.ts';
import { seededRng, sha256, sign, TinyPeer } from '../../sim/tiny-peer.ts';

type Disk = Pick<TinyPeer, 'records' | 'locals' | 'blobs'>;

/** One batch of writes, and what the peer knew when it had made them. */
export interface Batch<T> {
  readonly writes: readonly StoreWrite[];
  readonly told: T;
}

/** All batches of one run of a peer's process, on what its disk held before. */
export interface Run<T> {
  readonly disk: Disk;
  readonly batches: Batch<T>[];
}

function copyOf({ records, locals, blobs }: Disk): Disk {
  return { records: new Map(records), locals: new Map(locals), blobs: new Map(blobs) };
}

/**
 * Writes down every batch that a peer makes from its next start on. A second state machine takes
 * the same events with the same clock and random numbers: steps are deterministic, so its effects
 * are those of the peer, and they can be looked at.
 */
export function writeDown<T>(
  mesh: TinyMesh,
  peer: TinyPeer,
  tell: (state: PeerState) => T,
): Run<T>[] {
  const runs: Run<T>[] = [];
  const start = peer.start.bind(peer);
  const dispatch = peer.dispatch.bind(peer);
  let twin: PeerState | null = null;
  let rng = seededRng(0);
  let startedAt = 0;
  peer.start = (seed, known) => {
    twin = null;
    rng = seededRng(seed);
    startedAt = mesh.now;
    runs.push({ disk: copyOf(peer), batches: [] });
    start(seed, known);
  };
  peer.dispatch = (given) => {
    if (peer.state === null) return;
    const event = given.kind === 'booted' ? { ...given, blobs: [...given.blobs] } : given;
    twin ??= newPeerState(peer.state.self, peer.state.start, mesh.timing);
    const env: Env = {
      ...{ now: mesh.now - startedAt, rng, hash: sha256 },
      sign: (bytes) => sign(peer.id, bytes),
      verify: (by, bytes, signature) => Buffer.compare(sign(by, bytes), signature) === 0,
    };
    // Before the peer's own step: that one may dispatch further events, or end the process.
    for (const effect of step(twin, event, env)) {
      if (effect.kind !== 'store') continue;
      runs.at(-1)?.batches.push({ writes: effect.writes, told: tell(twin) });
    }
    dispatch(event);
  };
  return runs;
}

/** Makes the changes of one batch to a disk. */
function write(disk: Disk, writes: readonly StoreWrite[]): void {
  const nameOf = (key: Extract<StoreWrite, { kind: 'record' | 'drop-record' }>): string =>
    `${key.scope} ${key.origin} ${startKey(key.start)} ${String(key.n).padStart(16, '0')}`;
  for (const each of writes) {
    switch (each.kind) {
      case 'record':
        disk.records.set(nameOf(each), each);
        break;
      case 'drop-record':
        disk.records.delete(nameOf(each));
        break;
      case 'drop-scope':
        for (const [name, { scope }] of disk.records) {
          if (scope === each.scope) disk.records.delete(name);
        }
        break;
      case 'blob':
        disk.blobs.set(each.hash, each.bytes);
        break;
      case 'drop-blob':
        disk.blobs.delete(each.hash);
        break;
      case 'local':
        if (each.bytes === null) disk.locals.delete(each.key);
        else disk.locals.set(each.key, each.bytes);
    }
  }
}

/** Starts a peer of the same name, alone and without slots, on a disk: tells what it knows. */
function recover<T>(mesh: TinyMesh, of: TinyPeer, disk: Disk, tell: (state: PeerState) => T): T {
  const alone = {
    ...{ now: 0, timing: mesh.timing, mathClass: mesh.mathClass, wallMs: () => 0 },
    ...{ after: () => {}, carry: () => {}, program: mesh.program.bind(mesh) },
  };
  const peer = new TinyPeer(of.id, 0, alone);
  peer.run = of.run;
  for (const name of ['records', 'locals', 'blobs'] as const) {
    for (const [key, value] of disk[name]) (peer[name] as Map<string, unknown>).set(key, value);
  }
  peer.start(1, false);
  if (peer.state === null) throw new Error('the peer did not start');
  return tell(peer.state);
}

/** What a peer that starts on each prefix of the batches knows, and what was known then. */
export function* recoveries<T>(
  mesh: TinyMesh,
  peer: TinyPeer,
  run: Run<T>,
  tell: (state: PeerState) => T,
): Generator<{ readonly batch: number; readonly known: T; readonly recovered: T }> {
  const disk = copyOf(run.disk);
  for (const [batch, { writes, told }] of run.batches.entries()) {
    write(disk, writes);
    yield { batch, known: told, recovered: recover(mesh, peer, disk, tell) };
  }
}
