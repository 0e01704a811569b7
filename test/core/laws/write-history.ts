import type { StoreWrite } from '../../../src/core/event.ts';
import type { PeerState } from '../../../src/core/peer-state.ts';
import type { SmallMesh } from '../../sim/small-mesh.ts';
import { Disk } from '../../sim/world/disk.ts';
import type { Machine } from '../../sim/world/machine.ts';
import { CALM } from '../../sim/world/scenario.ts';
import { World } from '../../sim/world/world.ts';

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

function copyOf(disk: Disk): Disk {
  const copy = new Disk();
  copy.copyFrom(disk);
  return copy;
}

/** Writes down every batch that a peer makes from its next start on. */
export function writeDown<T>(
  { world }: SmallMesh,
  peer: Machine,
  tell: (state: PeerState) => T,
): Run<T>[] {
  const runs: Run<T>[] = [];
  let { run } = peer;
  world.observers.push({
    stepped: (machine, _, effects) => {
      if (machine !== peer || machine.state === null) return;
      // The first step of a run comes before anything of it is on the disk.
      if (machine.run !== run) runs.push({ disk: copyOf(machine.disk), batches: [] });
      run = machine.run;
      for (const effect of effects) {
        if (effect.kind !== 'store') continue;
        runs.at(-1)?.batches.push({ writes: effect.writes, told: tell(machine.state) });
      }
    },
  });
  return runs;
}

/** The name of a machine that only recovers. */
export const RECOVERING = 'recovering';

/** Starts a peer of the same id, alone and without slots, on a disk: tells what it knows. */
function recover<T>(of: Machine, disk: Disk, tell: (state: PeerState) => T): T {
  const plan = { ...of.plan, number: 0, name: RECOVERING, slots: 0, joinsAt: null };
  const world = new World({
    ...{ seed: 1, wallMs: 0, timing: {}, weather: CALM, machines: [plan], healAt: Infinity },
  });
  const machine = world.machine(0);
  machine.disk.copyFrom(disk);
  world.switchOn(machine);
  if (machine.state === null) throw new Error('the peer did not start');
  return tell(machine.state);
}

/** What a peer that starts on each prefix of the batches knows, and what was known then. */
export function* recoveries<T>(
  peer: Machine,
  run: Run<T>,
  tell: (state: PeerState) => T,
): Generator<{ readonly batch: number; readonly known: T; readonly recovered: T }> {
  const disk = copyOf(run.disk);
  for (const [batch, { writes, told }] of run.batches.entries()) {
    disk.apply(writes);
    yield { batch, known: told, recovered: recover(peer, disk, tell) };
  }
}
