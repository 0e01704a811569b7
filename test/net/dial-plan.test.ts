import { describe, expect, test } from 'vitest';
import { type Address, isLoopback, parseAddress } from '../../src/net/addresses.ts';
import { addressesToDial, DialPlan, isSurely, MIN_CONNECTIONS } from '../../src/net/dial-plan.ts';

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`no address: ${text}`);
  return parsed;
}

const HERE = address('/ip4/127.0.0.1/tcp/4001');
const THERE = address('/ip4/203.0.113.5/tcp/4001');

const RELAY = '12D3KooWQdCZM6texst94kv5bUGbPvdDt8qmgwFHUQLbiXXtgXMz';
const RELAYED = address(`/ip4/203.0.113.9/tcp/4001/p2p/${RELAY}/p2p-circuit`);
const WEB = address('/ip4/203.0.113.5/tcp/443/ws');
const NAMED = address('/dns4/mesh.example.org/tcp/4001');

function planOf(usable: (address: Address) => boolean = () => true): DialPlan {
  return new DialPlan('m', usable);
}

describe('a dial plan', () => {
  test('dials a member at once, and a lost one at once and then ever more rarely', () => {
    const plan = planOf();
    plan.know('a', [THERE], true, 100);
    expect(plan.due(100).map(({ peer }) => peer)).toEqual(['a']);
    plan.connected('a', 'direct', 100);
    expect(plan.due(1000)).toEqual([]);
    plan.disconnected('a', true, 1000);
    const waits: number[] = [];
    for (let nowMs = 1000, k = 0; k < 9; k += 1) {
      const dueMs = plan.nextDueMs() ?? 0;
      waits.push(dueMs - nowMs);
      nowMs = dueMs;
      plan.failed('a', nowMs);
    }
    expect(waits).toEqual([0, 300, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
  });

  test('lets only the lower id dial first when two are told of each other', () => {
    const plan = planOf();
    plan.know('a', [THERE], false, 0);
    plan.know('z', [THERE], false, 0);
    expect(plan.due(0).map(({ peer }) => peer)).toEqual(['z']);
    expect(plan.due(5000).map(({ peer }) => peer)).toEqual(['z', 'a']);
  });

  test('drops a peer that was only mentioned once it never answered, and keeps a member', () => {
    const plan = planOf();
    plan.know('hint', [THERE], false, 0);
    plan.know('member', [THERE], true, 0);
    for (let k = 0; k < 30; k += 1) {
      plan.failed('hint', 0);
      plan.failed('member', 0);
    }
    expect(plan.get('hint')).toBeUndefined();
    expect(plan.get('member')).toBeDefined();
  });

  test('keeps but does not redial a forgotten peer while it is connected', () => {
    const plan = planOf();
    plan.know('a', [THERE], true, 0);
    plan.connected('a', 'direct', 0);
    plan.forget('a');
    expect(plan.get('a')?.connected).toBe('direct');
    plan.disconnected('a', true, 0);
    expect(plan.nextDueMs()).toBeNull();
  });

  test('takes up no address that it may not use', () => {
    const plan = planOf(isLoopback);
    plan.know('a', [THERE], true, 0);
    expect(plan.due(0)).toEqual([]);
    plan.know('a', [HERE], true, 0);
    expect(plan.due(0)[0]?.addresses).toEqual([HERE]);
  });

  test('tries addresses that answered before first and loopback last', () => {
    const plan = planOf();
    const old = address('/ip4/198.51.100.7/tcp/4001');
    plan.know('a', [HERE, THERE, old], true, 0);
    plan.reached('a', old);
    expect(plan.get('a')?.addresses).toEqual([old, THERE, HERE]);
  });

  test('stops at sixteen connections in a mesh of more than fifty', () => {
    const plan = planOf();
    const peers = Array.from({ length: 60 }, (_, k) => `p${k}`);
    for (const peer of peers) plan.know(peer, [THERE], true, 0);
    expect(plan.due(0)).toHaveLength(60);
    for (const peer of peers.slice(0, MIN_CONNECTIONS)) plan.connected(peer, 'direct', 0);
    expect(plan.due(0)).toEqual([]);
    plan.disconnected('p0', true, 0);
    expect(plan.due(0)).not.toEqual([]);
  });
});

describe('a member behind a relay', () => {
  test('is dialed on, ever more rarely, at its direct addresses alone', () => {
    const plan = planOf();
    plan.know('a', [RELAYED, THERE], true, 0);
    const member = plan.get('a');
    if (member === undefined) throw new Error('no member');
    expect(addressesToDial(member)).toEqual([THERE, RELAYED]);
    plan.connected('a', 'relay', 0);
    expect(addressesToDial(member)).toEqual([THERE]);
    expect(plan.due(999)).toEqual([]);
    expect(plan.due(1000)).toEqual([member]);
    plan.failed('a', 1000);
    expect(plan.nextDueMs()).toBe(6000);
    plan.connected('a', 'direct', 2000);
    expect([addressesToDial(member), plan.nextDueMs()]).toEqual([[], null]);
  });

  test('is not dialed when it has no other address, and is at once when it tells of one', () => {
    const plan = planOf();
    plan.know('a', [RELAYED], true, 0);
    plan.connected('a', 'relay', 0);
    expect(plan.nextDueMs()).toBeNull();
    plan.tells('a', [RELAYED, THERE], false, 10);
    expect(plan.due(10).map(({ peer }) => peer)).toEqual(['a']);
  });

  test('loses the relays that it tells of no more, and keeps the address that it answered at', () => {
    const plan = planOf();
    plan.know('a', [RELAYED], true, 0);
    plan.reached('a', THERE);
    plan.tells('a', [WEB], false, 0);
    expect(plan.get('a')?.addresses).toEqual([THERE, WEB]);
  });

  test('keeps a way through a relay however many direct ones are told', () => {
    const plan = planOf();
    const many = Array.from({ length: 20 }, (_, k) => address(`/ip4/203.0.113.5/tcp/${k + 1}`));
    plan.know('a', [...many, RELAYED], true, 0);
    expect(plan.get('a')?.addresses).toHaveLength(8);
    expect(plan.get('a')?.addresses.at(-1)).toEqual(RELAYED);
  });
});

describe('a loopback address', () => {
  test('is not dialed of a peer on another machine', () => {
    const plan = planOf();
    plan.know('a', [HERE, THERE], true, 0);
    const member = plan.get('a');
    expect(member && addressesToDial(member)).toEqual([THERE]);
  });
});

describe('a refusal', () => {
  test.each([RELAYED, WEB, NAMED])('is no evidence where something stands between: %o', (way) => {
    const plan = planOf();
    plan.know('a', [way], true, 0);
    plan.reached('a', way);
    const member = plan.get('a');
    expect(member && isSurely(member, way)).toBe(false);
  });

  test('is no evidence at an address that the peer does not listen on by its own words', () => {
    const plan = planOf();
    plan.know('a', [THERE], true, 0);
    plan.reached('a', THERE);
    const member = plan.get('a');
    if (member === undefined) throw new Error('no member');
    plan.tells('a', [THERE], false, 0);
    expect(isSurely(member, THERE)).toBe(true);
    plan.tells('a', [THERE], true, 0);
    expect(isSurely(member, THERE)).toBe(false);
    plan.tells('a', [HERE], false, 0);
    expect(isSurely(member, THERE)).toBe(false);
  });

  test('is no evidence any more once this machine is in another network', () => {
    const plan = planOf();
    plan.know('a', [THERE], true, 0);
    plan.reached('a', THERE);
    plan.moved(5);
    const member = plan.get('a');
    expect(member && isSurely(member, THERE)).toBe(false);
    expect(plan.due(5)).toEqual([member]);
  });

  test('at a loopback address that was merely heard of is no evidence', () => {
    const plan = planOf();
    plan.know('a', [HERE], false, 0);
    const member = plan.get('a');
    expect(member && isSurely(member, HERE)).toBe(false);
  });

  test('is evidence at an address that answered before, not at one never reached', () => {
    const plan = planOf();
    plan.know('a', [THERE], true, 0);
    const member = plan.get('a');
    if (member === undefined) throw new Error('no member');
    expect(isSurely(member, THERE)).toBe(false);
    plan.reached('a', THERE);
    expect(isSurely(member, THERE)).toBe(true);
  });

  test('at a loopback address is evidence only about a peer that has no other address', () => {
    const plan = planOf();
    plan.know('near', [HERE], true, 0);
    plan.know('far', [HERE, THERE], true, 0);
    const [near, far] = [plan.get('near'), plan.get('far')];
    expect(near && isSurely(near, HERE)).toBe(true);
    expect(far && isSurely(far, HERE)).toBe(false);
  });
});
