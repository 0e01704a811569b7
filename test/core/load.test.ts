import { expect, test } from 'vitest';
import { SmallMesh } from '../sim/small-mesh.ts';

test('how busy a machine is, the others hear with its next heartbeat, without one of its own', () => {
  const mesh = new SmallMesh({ peers: 2 });
  mesh.pass(2000);
  const [a, b] = [mesh.peer(0), mesh.peer(1)];
  const heard = (): number | null | undefined => b.state?.roster.get(a.id)?.register.load;
  expect(heard()).toBeNull();
  const sequence = a.state?.sequence;
  a.dispatch({ kind: 'load', load: 250 });
  a.dispatch({ kind: 'tick' });
  expect(a.state?.sequence).toBe(sequence);
  mesh.until('word of it', () => heard() === 250);
});
