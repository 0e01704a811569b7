import { expect, test } from 'vitest';
import type { JobState } from '../../src/core/job-state.ts';
import type { FileStore } from '../../src/files/file-store.ts';
import type { Network } from '../../src/net/network.ts';
import { InputHoldings, spansOf } from '../../src/node/files/input-holdings.ts';
import type { Loop } from '../../src/node/loop.ts';

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

test('inputs whose list comes while it is read in vain are looked at once it is there', async () => {
  const told = Promise.withResolvers<object>();
  const readings: PromiseWithResolvers<object>[] = [];
  const loop = {
    state: { self: { peer: 'this one' } },
    inputs: () => {
      const reading = Promise.withResolvers<object>();
      readings.push(reading);
      return reading.promise;
    },
    dispatch: (event: object) => told.resolve(event),
  } as unknown as Loop;
  const network = { serve: () => undefined, connections: () => [] } as unknown as Network;
  const [here, elsewhere] = ['1', '2'].map((digit) => digit.repeat(64));
  const store = { has: async (hash: string) => hash === here } as unknown as FileStore;
  const holdings = new InputHoldings(store, loop, network, new AbortController().signal);
  const job = {
    ...{ active: true, manifest: { target: { count: 2 } } },
    computation: { id: 'commands', isPure: false, spec: { commandsOf: 'another' } },
  } as unknown as JobState;
  holdings.look(job);
  holdings.look(job);
  expect(readings).toHaveLength(1);
  readings[0]?.reject(new Error('it is not on this disk'));
  await expect.poll(() => readings.length).toBe(2);
  const item = (hash: unknown): string =>
    JSON.stringify({ sends: [{ inside: 'file', hash, bytes: 1 }] });
  readings[1]?.resolve({
    program: new TextEncoder().encode('{"transfer":true}'),
    items: async () => [item(here), item(elsewhere)],
  });
  expect(await told.promise).toEqual({
    ...{ kind: 'nearness', computation: 'commands', far: [[1, 2]], held: new Map() },
  });
});

test('inputs whose list did not come are not looked at again until something changes', async () => {
  let looks = 0;
  const loop = {
    state: { self: { peer: 'this one' } },
    inputs: async () => {
      looks += 1;
      throw new Error('it is not on this disk');
    },
  } as unknown as Loop;
  const network = { serve: () => undefined } as unknown as Network;
  const signal = new AbortController().signal;
  const holdings = new InputHoldings({} as FileStore, loop, network, signal);
  const computation = { id: 'commands', isPure: false };
  const job = { active: true, computation } as unknown as JobState;
  for (const wanted of [1, 2]) {
    holdings.look(job);
    await new Promise(setImmediate);
    expect(looks).toBe(wanted);
  }
});
