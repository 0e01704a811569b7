import { describe, expect, test } from 'vitest';
import { type Address, parseAddress } from '../../src/net/addresses.ts';
import { serviceName } from '../../src/net/local-discovery.ts';
import { decodeReach, encodeReach, Reachability } from '../../src/net/reachability.ts';

const PEER = '12D3KooWQdCZM6texst94kv5bUGbPvdDt8qmgwFHUQLbiXXtgXMz';

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`no address: ${text}`);
  return parsed;
}

describe('an address', () => {
  test.each([
    [`/ip4/1.2.3.4/tcp/5/p2p/${PEER}`, '/ip4/1.2.3.4/tcp/5', '1.2.3.4', PEER, null, true],
    ['/ip6/2001:db8::1/tcp/5', '/ip6/2001:db8::1/tcp/5', '2001:db8::1', null, null, true],
    ['/dns4/a.example/tcp/443/ws', '/dns4/a.example/tcp/443/ws', 'a.example', null, null, false],
    [
      `/ip4/1.2.3.4/tcp/5/p2p/${PEER}/p2p-circuit/p2p/${PEER}`,
      `/ip4/1.2.3.4/tcp/5/p2p/${PEER}/p2p-circuit`,
      ...(['1.2.3.4', PEER, PEER, false] as const),
    ],
  ])('is read: %s', (whole, text, host, peer, relay, isPlain) => {
    expect(parseAddress(whole)).toEqual({ text, host, peer, relay, isPlain });
  });

  test.each([
    'nonsense',
    '/ip4/1.2.3.4/tcp/5/p2p-circuit',
    `/p2p-circuit/p2p/${PEER}`,
    `/ip4/1.2.3.4/tcp/5/p2p/${PEER}/p2p-circuit/p2p/${PEER}/p2p-circuit/p2p/${PEER}`,
  ])('is none when it leads nowhere: %s', (text) => {
    expect(parseAddress(text)).toBeNull();
  });
});

describe('the reach of a peer', () => {
  test('grows with who came, and is none again in another network', () => {
    const reachability = new Reachability(false);
    expect(reachability.reach).toBe('none');
    expect(reachability.cameFrom(address('/ip4/127.0.0.1/tcp/5'))).toBe(true);
    expect(reachability.reach).toBe('near');
    expect(reachability.cameFrom(address('/ip4/203.0.113.5/tcp/5'))).toBe(true);
    expect(reachability.cameFrom(address('/ip4/127.0.0.1/tcp/5'))).toBe(false);
    expect(reachability.reach).toBe('far');
    reachability.moved();
    expect(reachability.reach).toBe('none');
  });

  test('is far when somebody came through what forwards to it', () => {
    const reachability = new Reachability(true);
    reachability.cameFrom(address('/ip4/127.0.0.1/tcp/5'));
    expect(reachability.reach).toBe('far');
  });

  test('is read as it was written, and with what a later meshd adds', () => {
    const told = { reach: 'far', forwarded: true } as const;
    expect(decodeReach(encodeReach(told))).toEqual(told);
    expect(decodeReach(Uint8Array.of(...encodeReach(told), 9))).toEqual(told);
    for (const body of [[], [1], [3, 0]]) expect(decodeReach(Uint8Array.from(body))).toBeNull();
  });
});

test('two meshes ask for their members in a subnet by names that tell nothing', () => {
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)].map(serviceName);
  expect(a).toMatch(/^_[0-9a-f]{15}\._udp\.local$/);
  expect(a).not.toBe(b);
});
