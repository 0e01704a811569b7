import { describe, expect, test } from 'vitest';
import { decodePublication, encodePublication } from '../../src/control/publication.ts';
import type { Submission } from '../../src/node/jobs/submission.ts';

const submission: Submission = {
  ...{ program: new TextEncoder().encode('{}'), sources: null, name: 'run', params: '{}' },
  ...{ seed: 0, target: { kind: 'map', items: ['1', '"two"'] }, maxEvals: null },
  ...{ deadlineMs: null, limits: { timeoutMs: null, memoryBytes: null } },
  needs: { cpus: 1, tags: [], net: false, reads: [], writes: [] },
  ...{ logIf: null, perHour: null, maxErrors: null, fresh: false, commands: true, priority: 0 },
};

describe('the body of a publication', () => {
  test('is read to its end before there is an answer, for that closes the connection', async () => {
    let isSent = false;
    async function* body(): AsyncGenerator<Uint8Array> {
      yield* encodePublication(submission);
      isSent = true;
    }
    expect(await decodePublication(body())).toEqual(submission);
    expect(isSent).toBe(true);
  });

  test('is refused when more comes than it says', async () => {
    async function* body(): AsyncGenerator<Uint8Array> {
      yield* encodePublication(submission);
      yield Buffer.from('3\n');
    }
    await expect(decodePublication(body())).rejects.toThrow('more than it says');
  });
});
