import { expect, test } from 'vitest';
import { nodeFault } from '../../src/node/check-node.ts';

test('a Node that is too old is told from one that will do', () => {
  for (const version of ['22.12.0', '22.22.3', '24.0.0', '26.10.0']) {
    expect(nodeFault(version)).toBeNull();
  }
  for (const version of ['18.19.1', '20.20.2', '22.11.9']) {
    expect(nodeFault(version)).toBe(`meshd needs Node >= 22.12, you have ${version}`);
  }
});
