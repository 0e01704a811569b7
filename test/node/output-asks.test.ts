import { expect, test } from 'vitest';
import { hexToBytes } from '../../src/core/codec.ts';
import { MemoryHub } from '../../src/net/memory-hub.ts';
import { MemoryNetwork } from '../../src/net/memory-network.ts';
import { type IndexedPiece, LiveOutputs } from '../../src/node/jobs/live-outputs.ts';
import { MeshOutputs } from '../../src/node/jobs/output-asks.ts';
import { Recorder } from '../net/recorder.ts';

const COMPUTATION = '5a'.repeat(32);

interface Side {
  readonly network: MemoryNetwork;
  readonly live: LiveOutputs;
  readonly outputs: MeshOutputs;
}

/** Two members that know one another. */
async function twoMembers(): Promise<[Side, Side]> {
  const hub = new MemoryHub();
  const [a, b] = ['a', 'b'].map((name) => {
    const network = new MemoryNetwork(hub, name, new Recorder());
    const live = new LiveOutputs();
    const outputs = new MeshOutputs(live);
    outputs.connect(network);
    return { network, live, outputs };
  }) as [Side, Side];
  await a.network.join(b.network.addresses(), { signal: new AbortController().signal });
  return [a, b];
}

const piece = (at: number, text: string): Omit<IndexedPiece, 'index'> => {
  return { name: 'stdout', at, bytes: Buffer.from(text), startedMs: 5 };
};

/** The first pieces that a side hears, as texts. */
async function heard({ outputs }: Side, count: number): Promise<string[]> {
  const stop = new AbortController();
  const texts: string[] = [];
  for await (const { index, at, bytes } of outputs.follow(COMPUTATION, stop.signal)) {
    texts.push(`${index} ${at} ${Buffer.from(bytes)}`);
    if (texts.length === count) break;
  }
  stop.abort();
  return texts.sort();
}

test('a client hears what commands wrote on its own and another machine, before it came, too', async () => {
  const [a, b] = await twoMembers();
  a.live.tell(COMPUTATION, 0, piece(0, 'here'));
  b.live.tell(COMPUTATION, 1, piece(0, 'there'));
  b.live.tell('00'.repeat(32), 2, piece(0, 'of another job'));
  expect(await heard(a, 2)).toEqual(['0 0 here', '1 0 there']);
});

test('who sends what is no piece is not listened to', async () => {
  const [a, b] = await twoMembers();
  const left = Promise.withResolvers<void>();
  b.network.serve('output', async function* (_from, _request, signal) {
    signal.addEventListener('abort', () => left.resolve());
    yield hexToBytes(COMPUTATION);
    await left.promise;
  });
  const hearing = heard(a, 1);
  await left.promise;
  a.live.tell(COMPUTATION, 0, piece(0, 'here'));
  expect(await hearing).toEqual(['0 0 here']);
});

test('what waits for nobody has a limit, and what is dropped first is what comes last', async () => {
  const live = new LiveOutputs();
  for (let k = 0; k < 40; k++) live.tell(COMPUTATION, k, piece(0, 'x'.repeat(65_536)));
  const { queue, end } = live.follow(COMPUTATION);
  const stop = new AbortController();
  const indices: number[] = [];
  live.tell(COMPUTATION, 99, piece(0, 'last'));
  for await (const { index } of queue.pieces(stop.signal)) {
    indices.push(index);
    if (index === 99) break;
  }
  end();
  expect(indices).toEqual([...Array.from({ length: 16 }, (_, k) => k), 99]);
});
