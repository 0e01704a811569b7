import { describe, expect, test } from 'vitest';
import { SmallMesh } from '../sim/small-mesh.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';

const SLOW = scattered(10, 4000, 'slow');

describe('a machine that was suspended, or whose clock was set', () => {
  test('keeps its running leases, tells its register and asks for what it missed', () => {
    const mesh = new SmallMesh({ peers: 3 });
    mesh.pass(500);
    const { id, question } = mesh.publish(mesh.peer(0), { program: SLOW, accept: 3 });
    const peer = mesh.peer(1);
    mesh.until('work', () => peer.executors.busy > 0);
    mesh.pass(300);
    // Just after a heartbeat: the next one is not due while this looks.
    const beats = (): number => peer.state?.sequence ?? 0;
    const last = beats();
    mesh.until('a heartbeat', () => beats() > last);
    const [running] = peer.executors.executions();
    const sequence = beats();
    const sent: string[] = [];
    mesh.world.observers.push({
      stepped: (from, _, effects) => {
        if (from !== peer) return;
        for (const effect of effects) {
          if ('message' in effect) sent.push(`${effect.kind} ${effect.message.kind}`);
        }
      },
    });
    peer.dispatch({ kind: 'resumed' });
    mesh.pass(300);
    expect(peer.executors.executions()).toContainEqual(running);
    expect(beats()).toBeGreaterThan(sequence);
    expect(sent).toContain('broadcast heartbeat');
    expect(sent).toContain('send digests');
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
  });

  test('and comes back after its peers gave it up is alive to them, and takes part', () => {
    const mesh = new SmallMesh({ peers: 3 });
    mesh.pass(500);
    const { id, question } = mesh.publish(mesh.peer(0), { program: scattered(10), accept: 3000 });
    const peer = mesh.peer(2);
    const evaluated = (): number =>
      mesh.evaluations().filter((each) => each.peer === peer.id).length;
    mesh.until('work', () => evaluated() > 0);
    mesh.partition([peer]);
    const seen = (): unknown => {
      const { state } = mesh.peer(0);
      const view = state?.roster.get(peer.id);
      return view === undefined ? undefined : state?.roster.state(view, mesh.now);
    };
    mesh.until('its death', () => seen() === 'dead');
    mesh.heal();
    peer.dispatch({ kind: 'resumed' });
    mesh.until('its return', () => seen() === 'alive');
    const before = evaluated();
    mesh.until('its work', () => evaluated() > before);
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
  });
});
