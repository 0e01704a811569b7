import { createHash } from 'node:crypto';
import { encode } from 'cborg';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answerCertificate, draftCertificate } from '../../src/core/answer.ts';
import { Certificate } from '../../src/core/certificate.ts';
import { SmallMesh } from '../sim/small-mesh.ts';
import { envOf, sha256Hasher } from '../sim/world/machine.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const anyHash = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));
const anyIndex = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
);

test('a certificate is the SHA-256 of the canonical CBOR of the question and its lines', () => {
  fc.assert(
    fc.property(
      anyHash,
      fc.array(fc.tuple(anyIndex, anyHash), { maxLength: 300 }),
      fc.array(anyIndex, { maxLength: 5 }),
      fc.option(anyIndex),
      (computation, lines, skipped, maxEvals) => {
        const target = { kind: 'accept', count: 7, maxEvals } as const;
        const expected = encode([
          Buffer.from(computation, 'hex'),
          ['accept', 7, maxEvals],
          skipped,
          lines.map(([index, hash]) => [index, Buffer.from(hash, 'hex')]),
        ]);
        const hasher = sha256Hasher();
        const given = new Certificate(computation, target, skipped, lines.length, hasher);
        for (const [index, hash] of lines) given.add(index, hash);
        expect(given.end()).toBe(sha256(expected));
      },
    ),
  );
});

test('a certificate under way goes on with what follows, and begins anew once a line changed', () => {
  const mesh = new SmallMesh({ peers: 1 });
  const { id } = mesh.publish(mesh.peer(0), { program: scattered(10), accept: 300 });
  mesh.certificate(id);
  const job = mesh.job(mesh.peer(0), id);
  if (job === undefined || job.ending === null) throw new Error('it has not ended');
  const env = envOf('peer-a', 1, () => 0.5);
  const answer = { end: job.ending.end, lines: 300, skipped: [] };
  draftCertificate(job, env);
  expect(job.draft?.certificate.lines).toBe(300);
  expect(answerCertificate(job, answer, env)).toBe(job.ending.certificate);

  draftCertificate(job, env);
  job.computation.decide(job.computation.answers.lineAt(7) ?? 0, {
    kind: 'value',
    text: '"other"',
  });
  const other = answerCertificate(job, answer, env);
  expect(other).not.toBe(job.ending.certificate);
  expect(answerCertificate(job, answer, env)).toBe(other);
});

test('the same question asked again is not hashed again, another one is', () => {
  const mesh = new SmallMesh({ peers: 1 });
  const peer = mesh.peer(0);
  const first = mesh.publish(peer, { program: scattered(10), accept: 300 });
  const certificate = mesh.certificate(first.id);
  // The first job fixed its outcomes, so this shows what is read, and happens nowhere else.
  const answers = mesh.job(peer, first.id)?.computation.answers;
  answers?.set(answers.lineAt(7) ?? 0, { kind: 'value', text: '"other"' });
  const again = mesh.publish(peer, { program: scattered(10), accept: 300 });
  expect(mesh.certificate(again.id)).toBe(certificate);
  const less = mesh.publish(peer, { program: scattered(10), accept: 299 });
  expect(mesh.certificate(less.id)).not.toBe(askOracle(less.question).certificate);
});
