import { describe, expect, test } from 'vitest';
import { type Address, isLoopback, parseAddress } from '../../src/net/addresses.ts';
import { DialPlan, isSurely, MIN_CONNECTIONS } from '../../src/net/dial-plan.ts';

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`no address: ${text}`);
  return parsed;
}

const HERE = address('/ip4/127.0.0.1/tcp/4001');
const THERE = address('/ip4/203.0.113.5/tcp/4001');

function planOf(usable: (address: Address) => boolean = () => true): DialPlan {
  return new DialPlan('m', usable);
}

describe('a dial plan', () => {
  test('dials a member at once, and a lost one at once and then ever more rarely', () => {
    const plan = planOf();
    plan.know('a', [THERE], true, 100);
    expect(plan.due(100).map(({ peer }) => peer)).toEqual(['a']);
    plan.connected('a', 100);
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
    plan.connected('a', 0);
    plan.forget('a');
    expect(plan.get('a')?.connected).toBe(true);
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
    for (const peer of peers.slice(0, MIN_CONNECTIONS)) plan.connected(peer, 0);
    expect(plan.due(0)).toEqual([]);
    plan.disconnected('p0', true, 0);
    expect(plan.due(0)).not.toEqual([]);
  });
});

describe('a refusal', () => {
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
