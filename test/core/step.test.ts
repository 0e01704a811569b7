import { describe, expect, test } from 'vitest';
import { TinyMesh } from '../sim/tiny-mesh.ts';
import { type Program, tinyOracle } from '../sim/tiny-oracle.ts';

/** Accepts one of `every` candidates, the same ones each time; 5 ms each. */
function scattered(every: number, name = `one of ${every}`, costMs = 5): Program {
  return {
    name,
    outcome: (index) => ((Math.imul(index + 1, 0x9e3779b1) >>> 8) % every === 0 ? index / 7 : null),
    costMs: () => costMs,
  };
}

describe('one answer', () => {
  test.each([1, 3, 8])("%i peers give the oracle's certificate", (peers) => {
    const mesh = new TinyMesh({ peers });
    const { id, question } = mesh.publish(mesh.peer(0), { program: scattered(10), accept: 200 });
    expect(mesh.certificate(id)).toBe(tinyOracle(question).certificate);
  });
});
