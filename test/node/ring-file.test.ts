import { expect, test } from 'vitest';
import { ringOf, withSecret } from '../../src/net/secret-ring.ts';
import { decodeInvite, encodeInvite } from '../../src/node/admission/invite.ts';
import { readRing, ringText } from '../../src/node/admission/ring-file.ts';

const OLD = new Uint8Array(32).fill(7);
const NEW = new Uint8Array(32).fill(8);
const rotated = withSecret(
  ringOf(OLD),
  { generation: 1, secret: NEW, members: ['one', 'two'], seal: { author: 'one', signature: OLD } },
  1000,
);

test('a home keeps the bare secret of a mesh that never rotated', () => {
  const text = ringText(ringOf(OLD));
  expect(text).toMatch(/^[A-Za-z0-9_-]{43}\n$/);
  expect(readRing(text)).toEqual(ringOf(OLD));
});

test('a home keeps a rotated ring whole, with the name of its first secret', () => {
  expect(readRing(ringText(rotated))).toEqual(rotated);
  expect(rotated.mesh).toBe(ringOf(OLD).mesh);
  const again = withSecret(rotated, { ...rotated.current, generation: 2 }, 2000);
  expect(readRing(ringText(again))).toEqual(again);
});

test('a home keeps in mind whom it began to remove', () => {
  const ring = { ...ringOf(OLD), removing: ['gone'] };
  expect(readRing(ringText(ring))).toEqual(ring);
});

test('a file that is no ring is told apart', () => {
  const text = ringText(rotated);
  const wrong = [
    '',
    'null',
    '[]',
    '{}',
    text.slice(0, -3),
    text.replace('"mesh":"', '"mesh":5,"x":"'),
  ];
  for (const each of wrong) expect(readRing(each)).toBeNull();
});

test('an invite of a rotated mesh brings its name and how often it had rotated', () => {
  const invite = { mesh: rotated.mesh, generation: 1, secret: NEW, addresses: [] };
  expect(decodeInvite(encodeInvite(invite))).toEqual(invite);
  const first = { mesh: 'mesh', secret: OLD, addresses: [] };
  expect(decodeInvite(encodeInvite({ ...first, generation: 0 }))).toEqual(first);
});
