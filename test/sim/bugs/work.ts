import type { Bug } from './plant.ts';

/** Bugs in which work is taken and how much is told: what they cost is not an answer. */
export const WORK_BUGS: readonly Bug[] = [
  {
    name: 'square root of a negative remainder',
    claim: 'when more are accepted than asked for, the bound of what may be claimed is NaN',
    edits: [
      {
        file: 'src/core/reach.ts',
        find: 'Math.max(manifest.target.count - computation.answers.lines, 0);',
        replace: 'manifest.target.count - computation.answers.lines;',
      },
      {
        file: 'src/core/reach.ts',
        find: 'if (computation.answers.lines >= manifest.target.count) return',
        replace: 'if (computation.answers.lines === manifest.target.count) return',
      },
    ],
  },
  {
    name: 'lowest free block',
    claim: 'everybody claims the lowest free block, whose ever it is',
    needs: [],
    edits: [
      {
        file: 'src/core/free-blocks.ts',
        find: 'if (mine !== null) return { interval: mine, scarce };',
        replace: '',
      },
      {
        file: 'src/core/free-blocks.ts',
        find: '1 + Math.floor(turn.env.rng() * passed)',
        replace: '1',
      },
    ],
  },
  {
    name: 'all begin the first commands',
    claim: 'not only the publisher of a new list begins its first commands at once',
    needs: ['commands'],
    edits: [
      {
        file: 'src/core/commands.ts',
        find: 'if (!job.isPublishedHere || now',
        replace: 'if (now',
      },
    ],
  },
  {
    name: 'commands begin at once',
    claim: 'commands start as soon as they are claimed, beside others too',
    needs: ['commands'],
    edits: [
      {
        file: 'src/core/commands.ts',
        find: 'return others ? beats(state, UNOPPOSED_BEATS) : 0;',
        replace: 'return others ? 1 : 0;',
      },
    ],
  },
  {
    name: 'steal without check',
    claim: 'blocks are claimed that another peer has a lease on',
    edits: [
      {
        file: 'src/core/lease-book.ts',
        find: '  const cover = theirs.clone();',
        replace: '  const cover = theirs.minus(theirs);',
      },
    ],
  },
  {
    name: 'no look at what ended',
    claim: 'an interval runs on when a segment that covers it has come',
    edits: [
      {
        file: 'src/core/lease-book.ts',
        find: 'missing.overlaps(lease.lo, lease.hi)) stopNeedless(turn, own);',
        replace: 'missing.overlaps(lease.lo, lease.hi)) continue;',
      },
    ],
  },
  {
    name: 'leases never yield',
    claim: 'of two peers with overlapping leases both go on',
    edits: [
      {
        file: 'src/core/heart.ts',
        find: 'yieldConflicts(turn, register.peer, register.leases);',
        replace: ';',
      },
    ],
  },
  {
    name: 'copies without limit',
    claim: 'an idle peer copies a block at once, however many copies run',
    edits: [
      {
        file: 'src/core/copy-choice.ts',
        find: 'if (runs.filter(({ copy }) => copy).length >= MOST_COPIES) continue;',
        replace: '',
      },
      {
        file: 'src/core/copy-choice.ts',
        find: 'Math.max(1.5 * median, 100)',
        replace: '0',
      },
    ],
  },
  {
    name: 'no cap',
    claim: 'candidates are claimed however far ahead',
    needs: [],
    edits: [
      {
        file: 'src/core/reach.ts',
        find: '  const open = Math.max(Math.ceil(openCap(job, expected, grain, slots)), 1);\n',
        replace:
          '  const open = 100 * Math.max(Math.ceil(openCap(job, expected, grain, slots)), 1);\n',
      },
    ],
  },
  {
    name: 'what is needless runs on',
    claim: 'executors go on when the answer is known',
    edits: [
      {
        file: 'src/core/scheduler.ts',
        find: 'if (own.stopping === null && !wanted(state, own)) {',
        replace: 'if (own.stopping === null && !wanted(state, own) && job && mayFinish(job)) {',
      },
    ],
  },
  {
    name: 'a heartbeat for each change',
    claim: 'nothing keeps heartbeats apart',
    needs: [],
    edits: [
      {
        file: 'src/core/heart.ts',
        find: 'Math.max(now, state.lastBeatAt + gapMs(turn))',
        replace: 'now + 0 * gapMs(turn)',
      },
    ],
  },
  {
    name: 'finished leases stay',
    claim: 'a register grows with every interval',
    edits: [
      {
        file: 'src/core/heart.ts',
        find: 'lease.segment === undefined || beats < FINISHED_BEATS,',
        replace: 'lease.segment === undefined || beats >= 0,',
      },
    ],
  },
  {
    name: 'questions never forgotten',
    claim: 'a question for a receipt is answered again with each step',
    edits: [
      {
        file: 'src/core/receipts.ts',
        find: '    turn.state.asked.delete(hash);\n',
        replace: '',
      },
    ],
  },
  {
    name: 'queue without bound',
    claim: 'segments told in a heartbeat are told again in the next',
    needs: ['join storm'],
    edits: [
      {
        file: 'src/core/heart.ts',
        find: '  turn.state.fresh = [];\n',
        replace: '',
      },
    ],
  },
  {
    name: 'summaries for equal scopes',
    claim: 'an exchange tells all of every scope, also where nothing differs',
    needs: [],
    edits: [
      {
        file: 'src/core/sync.ts',
        find: 'if (digest === undefined || digest === logs.digest(scope, turn.env.hash)) continue;',
        replace: 'if (digest === undefined) continue;',
      },
    ],
  },
  {
    name: 'records pushed to all, again',
    claim: 'whoever takes in a record pushes it on',
    needs: [],
    edits: [
      {
        file: 'src/core/records.ts',
        find: "    const write = turn.keep({ kind: 'record', ...key, body: bytes });\n    if (isWord",
        replace: `    const write = turn.keep({ kind: 'record', ...key, body: bytes });
    if (key.scope !== 'control') {
      turn.made.push({ ...key, records: [[key.n, bytes]] });
    }
    if (isWord`,
      },
    ],
  },
];
