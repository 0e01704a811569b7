import { expect, test } from 'vitest';
import { inputsOf, openBench, textsOf } from './work-bench.ts';

test('an order is evaluated to its end though fewer items come than it asks for', async () => {
  await using bench = await openBench();
  const items = async (lo: number, hi: number) => [lo, lo + 1].slice(0, hi - lo).map(String);
  const { parts, ended } = bench.execute(
    { hi: 5 },
    inputsOf('export default ({ item }) => item * 10', { items }),
  );
  expect(await ended).toBe('finished');
  expect(textsOf(parts)).toEqual(['0:0', '1:10', '2:20', '3:30', '4:40']);
});
