import { expect, test } from 'vitest';
import { Lab } from './lab.ts';

const LOOPBACK = '/ip4/127.0.0.1/tcp/0';

test('stop --mesh ends every machine as stop does, and none that was off', async () => {
  await using lab = await Lab.open();
  const [a, b, c] = await lab.three();
  const d = await lab.join('d', [a]);
  await lab.sees('a', 4);
  // Of the two that come back one has to know the other.
  await lab.sees('c', 4);
  await d.kill();
  const printed = await lab.run('b', 'stop', '--mesh');
  expect(printed).toMatchObject({ code: 0 });
  expect(printed.stdout).toMatch(/^stopped, and asked [23] other machines to stop\n$/);
  const ends = await Promise.all([a, b, c].map(({ command }) => command.done));
  expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
  await lab.restart('d', '--listen', LOOPBACK);
  await lab.restart('c');
  await lab.sees('d', 2);
});
