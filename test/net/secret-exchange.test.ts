import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Gate } from '../../src/net/gate.ts';
import { type Identity, identityOf } from '../../src/net/identity.ts';
import { createMeshSecret } from '../../src/net/mesh-secret.ts';
import { SecretExchange } from '../../src/net/secret-exchange.ts';
import { encodeOffer, sealOffer } from '../../src/net/secret-offer.ts';
import { ringOf } from '../../src/net/secret-ring.ts';

const MINUTE = 60_000;
const FIRST = ringOf(createMeshSecret());
const OTHER = 'other';

let self: Identity;
let gate: Gate;
let exchange: SecretExchange;
let connected: string[];
let isFull: boolean;
const send = vi.fn();
const dismiss = vi.fn();
const log = vi.fn();

beforeEach(async () => {
  vi.useFakeTimers();
  vi.clearAllMocks();
  self = identityOf(generateKeyPairSync('ed25519').privateKey);
  isFull = false;
  const keep = async (): Promise<void> => {
    if (isFull) throw new Error('the disk is full');
  };
  gate = new Gate(self.peer, FIRST, { sign: self.sign, keep });
  connected = [OTHER];
  exchange = new SecretExchange({ gate, connected: () => connected, send, dismiss, log });
});
afterEach(() => {
  exchange.close();
  vi.useRealTimers();
});

test('a member that did not show the secret is told it again each minute, until it does', async () => {
  await gate.rotate([OTHER]);
  expect(send).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(2 * MINUTE);
  expect(send).toHaveBeenCalledTimes(3);
  gate.proved(OTHER, gate.current.keyId);
  vi.advanceTimersByTime(2 * MINUTE);
  expect(send).toHaveBeenCalledTimes(3);
});

test('nobody is told it after the end', async () => {
  await gate.rotate([OTHER]);
  exchange.close();
  vi.advanceTimersByTime(MINUTE);
  expect(send).toHaveBeenCalledTimes(1);
});

test('a secret that cannot be kept is an error in the log, and is taken when it comes again', async () => {
  const offered = sealOffer(
    FIRST.mesh,
    { generation: 1, secret: createMeshSecret(), members: [self.peer] },
    self.peer,
    self.sign,
  );
  const body = encodeOffer(offered) ?? new Uint8Array();
  isFull = true;
  exchange.heard(OTHER, body);
  await vi.waitFor(() => expect(log).toHaveBeenCalledOnce());
  expect(log.mock.lastCall).toMatchObject(['error', 'secret.failed', { peer: OTHER }]);
  isFull = false;
  exchange.heard(OTHER, body);
  await vi.waitFor(() => expect(gate.ring.current.generation).toBe(1));
});

test('two that disagree do not go on at once, but answer once a minute', async () => {
  await gate.rotate([OTHER]);
  await gate.rotate([OTHER]);
  const lower = sealOffer(
    FIRST.mesh,
    { generation: 1, secret: createMeshSecret(), members: [self.peer] },
    self.peer,
    self.sign,
  );
  send.mockClear();
  for (let k = 0; k < 5; k++) exchange.heard(OTHER, encodeOffer(lower) ?? new Uint8Array());
  // One turn after the other: all that was heard is done with.
  await gate.persist();
  expect(send).toHaveBeenCalledTimes(1);
});
