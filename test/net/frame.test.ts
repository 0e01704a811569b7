import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../src/net/addresses.ts';
import { encodeFrame, FRAME, FrameReader, MAX_FRAME_BYTES } from '../../src/net/frame.ts';
import { decodePeers, encodePeers } from '../../src/net/peer-exchange.ts';

const kind = fc.constantFrom(...Object.values(FRAME));
const frames = fc.array(fc.tuple(kind, fc.uint8Array({ maxLength: 200 })), { maxLength: 20 });

describe('a frame reader', () => {
  test('gives the frames back however the bytes are cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(40), { minLength: 1 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(([k, body]) => encodeFrame(k, body)));
        const reader = new FrameReader();
        const got: [number, Uint8Array][] = [];
        for (let at = 0, k = 0; at < bytes.length; k += 1) {
          const size = (cuts[k % cuts.length] ?? 0) + 1;
          const isSound = reader.push(bytes.subarray(at, at + size), (k2, body) =>
            got.push([k2, new Uint8Array(body)]),
          );
          expect(isSound).toBe(true);
          at += size;
        }
        expect(got).toEqual(sent);
      }),
      { numRuns: 300 },
    );
  });

  test('refuses a frame that is too long from its head alone', () => {
    const head = new Uint8Array(5);
    new DataView(head.buffer).setUint32(1, MAX_FRAME_BYTES + 1);
    expect(new FrameReader().push(head, () => {})).toBe(false);
  });

  test('never throws on random bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
        const reader = new FrameReader();
        for (const chunk of chunks) if (!reader.push(chunk, () => {})) return;
      }),
    );
  });
});

describe('a peers frame', () => {
  const PEER = '12D3KooWQdCZM6texst94kv5bUGbPvdDt8qmgwFHUQLbiXXtgXMz';
  const OTHER = '12D3KooWEV1zRquLpHJ2CjtkKdTSKkXpLu6BpxRnaevD3LNqT8Qj';

  test('is read as it was written', () => {
    const body = encodePeers([{ peer: PEER, addresses: ['/ip4/127.0.0.1/tcp/4001'] }]);
    expect(decodePeers(body)).toEqual([
      {
        peer: PEER,
        addresses: [parseAddress('/ip4/127.0.0.1/tcp/4001')],
      },
    ]);
  });

  test('loses addresses that name another peer', () => {
    const body = encodePeers([{ peer: PEER, addresses: [`/ip4/127.0.0.1/tcp/1/p2p/${OTHER}`] }]);
    expect(decodePeers(body)).toEqual([{ peer: PEER, addresses: [] }]);
  });

  test('loses addresses of a kind that is not known yet', () => {
    const body = encodePeers([{ peer: PEER, addresses: ['/star/7', '/ip4/127.0.0.1/tcp/1'] }]);
    expect(decodePeers(body)?.[0]?.addresses.map(({ text }) => text)).toEqual([
      '/ip4/127.0.0.1/tcp/1',
    ]);
  });

  test.each([
    '{}',
    '[1]',
    '[["x",[]]]',
    `[["${PEER}",[1]]]`,
    `[["${PEER}",${JSON.stringify(Array(9).fill('/ip4/127.0.0.1/tcp/1'))}]]`,
    '[',
  ])('is refused when it is %s', (text) => {
    expect(decodePeers(Buffer.from(text))).toBeNull();
  });

  test('never throws, whatever JSON it holds', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        decodePeers(Buffer.from(text));
      }),
      { numRuns: 2000 },
    );
  });
});
