import type { Bug } from './plant.ts';

/** Bugs in what the answer is. */
export const ANSWER_BUGS: readonly Bug[] = [
  {
    name: 'timeout is an outcome',
    claim: 'a candidate over its time limit on one machine is taken for rejected',
    needs: ['time limit'],
    edits: [
      {
        file: 'src/core/execution.ts',
        find: '  const refusal = refusalOf(turn, own, failure.kind);\n',
        replace: `  if (failure.kind === 'timeout') {
    const none = { lo: index, hi: index + 1, accepted: [], errors: [], ms: 1 };
    own.lastSegment = writePart(turn, computation, job, none, false);
    return;
  }
  const refusal = refusalOf(turn, own, failure.kind);
`,
      },
    ],
  },
  {
    name: 'failures at lower limits count',
    claim: 'what was too slow for one job is given up by another that allows it more time',
    needs: ['time limit'],
    edits: [
      {
        file: 'src/core/computation.ts',
        find: 'all.filter((attempt) => reaches(attempt.limits, limits))',
        replace: 'all.filter((attempt) => reaches(attempt.limits, attempt.limits))',
      },
    ],
  },
  {
    name: 'skip inside a job',
    claim: 'the job itself is answered without its stuck indices, instead of a successor',
    needs: ['deadly', 'time limit'],
    edits: [
      {
        file: 'src/core/answer.ts',
        find: '{ end, lines, skipped: stuck } : null',
        replace: '{ end, lines, skipped: [] } : null',
      },
    ],
  },
  {
    name: 'frontier off by one',
    claim: 'lines behind a single open index count as final',
    edits: [
      {
        file: 'src/core/answer.ts',
        find: 'Math.min(coverage.firstGap(0), bound, job.firstEverStuck, last)',
        replace: 'Math.min(coverage.firstGap(coverage.firstGap(0) + 1), bound, job.firstEverStuck)',
      },
    ],
  },
  {
    name: 'end off by one',
    claim: 'the end of an answer is its last line, not the index behind it',
    edits: [
      {
        file: 'src/core/answer.ts',
        find: 'return last + 1;',
        replace: 'return last;',
      },
    ],
  },
  {
    name: 'first to finish',
    claim: 'an answer is whole when enough are accepted, whatever is open below',
    edits: [
      {
        file: 'src/core/answer.ts',
        find: 'if (gaps.length === 0) return',
        replace: "if (gaps.length === 0 || job.manifest.target.kind === 'accept') return",
      },
    ],
  },
  {
    name: 'successors by everyone',
    claim: "whoever finds a job stuck publishes a successor, not its owner's peer alone",
    needs: ['deadly', 'time limit'],
    edits: [
      {
        file: 'src/core/ending.ts',
        find: '(!isMine && !byHand) || ',
        replace: '',
      },
    ],
  },
  {
    name: 'power cut is a failure',
    claim: 'an index that was under way when a machine ended counts as having failed',
    needs: ['crash', 'crash between', 'blackout', 'power', 'poison', 'lost values'],
    edits: [
      {
        file: 'src/core/computation.ts',
        find: '  addAttempt(key: RecordKey, attempt: Attempt, now: number): void {\n',
        replace: `  addAttempt(key: RecordKey, attempt: Attempt, now: number): void {
    for (let index = attempt.lo; attempt.failure === LOST && index < attempt.hi; index++) {
      const { job, failure, detail } = attempt;
      const all = this.attempts.get(index) ?? [];
      all.push({ peer: key.origin, job, index, failure, detail });
      this.attempts.set(index, all);
    }
`,
      },
    ],
  },
  {
    name: 'order of arrival decides lines',
    claim: 'lines stand in the order in which they came, not by index',
    edits: [
      {
        file: 'src/core/outcome-list.ts',
        find: 'const place = this.#beginningBy(first) + 1;',
        replace: 'const place = this.#stretches.length;',
      },
    ],
  },
  {
    name: 'coverage before the outcome',
    claim: 'an interval counts as covered up to its end when its first part is in',
    edits: [
      {
        file: 'src/core/execution.ts',
        find: 'writePart(turn, computation, job, part, fresh);',
        replace: 'writePart(turn, computation, job, { ...part, hi: own.lease.hi }, fresh);',
      },
    ],
  },
  {
    name: 'another certificate after a restart',
    claim: 'of two certificates that differ a start takes the first in the log',
    needs: ['liar'],
    edits: [
      {
        file: 'src/core/boot.ts',
        find: '    stayWith(turn, job, certificate);\n',
        replace: '',
      },
    ],
  },
];
