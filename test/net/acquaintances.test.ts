import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Acquaintances } from '../../src/net/acquaintances.ts';
import { decodePeers } from '../../src/net/peer-exchange.ts';

const [SELF, B, C] = [
  '12D3KooWFkPvmCXLLTHPZfGWwcBwDkWFbSMWTCoTmuGNHFe7yxqR',
  '12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X',
  '12D3KooWH3uVF6wv47WnArKHk5p6cvgCJEb74UTmxztmQDc298L3',
] as const;

const addresses = new Map<string, string>();
let told: (readonly [string, number])[][] = [];
let canSend = true;

beforeEach(() => {
  vi.useFakeTimers();
  for (const [k, peer] of [SELF, B, C].entries()) addresses.set(peer, `/ip4/10.0.0.${k}/tcp/1`);
  told = [];
  canSend = true;
});
afterEach(() => void vi.useRealTimers());

/** Tells B of itself and C; what B was told is in `told`: each peer and how many addresses. */
function acquaintances(): Acquaintances {
  return new Acquaintances({
    self: SELF,
    list: () => [SELF, C].map((peer) => ({ peer, addresses: [addresses.get(peer) ?? ''] })),
    send(_peer, body) {
      if (canSend)
        told.push((decodePeers(body) ?? []).map((row) => [row.peer, row.addresses.length]));
      return canSend;
    },
  });
}

test('a peer is given the addresses of another one once, its own teller’s each time', async () => {
  const all = acquaintances();
  all.connected(B);
  await vi.runAllTimersAsync();
  expect(told).toEqual([
    [
      [SELF, 1],
      [C, 1],
    ],
    [
      [SELF, 1],
      [C, 0],
    ],
  ]);
  addresses.set(C, '/ip4/10.0.0.9/tcp/1');
  all.changed();
  await vi.runAllTimersAsync();
  expect(told.at(-1)).toEqual([
    [SELF, 1],
    [C, 1],
  ]);
});

test('what could not be sent is given with the next list, and to a new connection all is', async () => {
  const all = acquaintances();
  canSend = false;
  all.connected(B);
  canSend = true;
  await vi.runAllTimersAsync();
  expect(told.at(-1)).toContainEqual([C, 1]);
  all.disconnected(B);
  all.connected(B);
  expect(told.at(-1)).toContainEqual([C, 1]);
});
