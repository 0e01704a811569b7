import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Gate } from '../../src/net/gate.ts';
import {
  ASK_MS,
  LocalDiscovery,
  type MakeResponder,
  serviceName,
} from '../../src/net/local-discovery.ts';
import { createMeshSecret } from '../../src/net/mesh-secret.ts';
import { ringOf } from '../../src/net/secret-ring.ts';

const SELF = '12D3KooWFkPvmCXLLTHPZfGWwcBwDkWFbSMWTCoTmuGNHFe7yxqR';
const OTHER = '12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X';

/** A subnet that only counts: who answers to which name, and who asked how often. */
class Subnet {
  readonly answering = new Set<string>();
  readonly asked: string[] = [];
  readonly #ends = new Map<string, EventTarget>();

  readonly make: MakeResponder = (name) => {
    const end = new EventTarget();
    this.#ends.set(name, end);
    return Object.assign(end, {
      start: () => void this.answering.add(name),
      stop: () => void this.answering.delete(name),
      mdns: { query: () => void this.asked.push(name) },
    });
  };

  /** Somebody answers to a name. */
  answer(name: string): void {
    const detail = { id: OTHER, multiaddrs: [] };
    this.#ends.get(name)?.dispatchEvent(new CustomEvent('peer', { detail }));
  }
}

let subnet: Subnet;
let gate: Gate;
let discovery: LocalDiscovery;

beforeEach(async () => {
  vi.useFakeTimers();
  subnet = new Subnet();
  const sign = (): Uint8Array => new Uint8Array(64);
  gate = new Gate(SELF, ringOf(createMeshSecret()), { sign });
  discovery = new LocalDiscovery(gate, subnet.make);
  await discovery.start();
});

afterEach(async () => {
  await discovery.stop();
  vi.useRealTimers();
});

function names(): string[] {
  return gate.keys.map(({ rendezvous }) => serviceName(rendezvous));
}

test('after a rotation both names are answered to, until the old secret is honoured no more', async () => {
  const [old] = names();
  expect([...subnet.answering]).toEqual([old]);
  await gate.rotate([SELF, OTHER]);
  const [current] = names();
  expect(current).not.toBe(old);
  expect(subnet.answering).toEqual(new Set([old, current]));
  gate.proved(OTHER, gate.current.keyId);
  await gate.settle();
  expect(subnet.answering).toEqual(new Set([current]));
});

test('each name is asked for as long as nobody answers to it', async () => {
  await vi.advanceTimersByTimeAsync(ASK_MS);
  await gate.rotate([SELF, OTHER]);
  const [current, old] = names() as [string, string];
  subnet.asked.length = 0;
  for (let k = 0; k < 4; k++) {
    subnet.answer(old);
    await vi.advanceTimersByTimeAsync(ASK_MS);
  }
  expect(subnet.asked).toEqual([current, current, current]);
});

test('what was found is told, and nothing more once it is stopped', async () => {
  const [name = ''] = names();
  const found: unknown[] = [];
  discovery.addEventListener('peer', (event) => found.push((event as CustomEvent).detail.id));
  subnet.answer(name);
  expect(found).toEqual([OTHER]);
  await discovery.stop();
  await gate.rotate([SELF]);
  expect([...subnet.answering]).toEqual([]);
});
