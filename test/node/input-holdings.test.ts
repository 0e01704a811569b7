import { expect, test } from 'vitest';
import { spansOf } from '../../src/node/files/input-holdings.ts';

const read = (answer: unknown) => spansOf(new TextEncoder().encode(JSON.stringify(answer)), 10);

test('what a member says that it has is taken as it is, or not at all when it is malformed', () => {
  expect(
    read([
      [0, 3],
      [5, 10],
    ]),
  ).toEqual([
    [0, 3],
    [5, 10],
  ]);
  const malformed = [
    ...[[[0, 11]], [[3, 3]], [[4, 2]], [[-1, 2]], [[0.5, 2]], [[0, 1, 2]], [['0', 1]], [null]],
    ...[{}, 'text', 7, Array.from({ length: 4097 }, () => [0, 1])],
  ];
  for (const one of malformed) expect(read(one)).toEqual([]);
  expect(spansOf(Uint8Array.of(0xff, 0x00), 10)).toEqual([]);
});
