import type { Bug } from './plant.ts';

/** Bugs in records of control, in their merge, and in who is believed. */
export const CONTROL_BUGS: readonly Bug[] = [
  {
    name: 'wall clock in a merge',
    claim: 'of two ops the one with the later wall clock of its author wins',
    needs: ['raced ops'],
    edits: [
      {
        file: 'src/core/control.ts',
        find: 'const number = (job.ops.get(change.kind)?.op.number ?? 0) + 1;',
        replace: 'const number = Math.max(1, Math.round(turn.state.wallMs));',
      },
    ],
  },
  {
    name: 'op numbers used again',
    claim: 'a new op has the number of the highest known one, not one above it',
    needs: ['raced ops'],
    edits: [
      {
        file: 'src/core/control.ts',
        find: 'const number = (job.ops.get(change.kind)?.op.number ?? 0) + 1;',
        replace: 'const number = Math.max(1, job.ops.get(change.kind)?.op.number ?? 0);',
      },
    ],
  },
  {
    name: 'order of a Map decides',
    claim: 'of two ops with one number the one that came last wins',
    needs: ['raced ops'],
    edits: [
      {
        file: 'src/core/control.ts',
        find: 'a.op.number > b.op.number : a.hash > b.hash;',
        replace: 'a.op.number > b.op.number : true;',
      },
    ],
  },
  {
    name: 'op not issued again',
    claim: 'an op that lost to one unknown to its author is acknowledged all the same',
    needs: ['raced ops'],
    edits: [
      {
        file: 'src/core/receipts.ts',
        find: 'winner === undefined || winner.hash === pending.record) return;',
        replace: 'winner === undefined || winner.hash.length > 0) return;',
      },
    ],
  },
  {
    name: 'cancel does not absorb',
    claim: 'a later op takes a cancel back',
    needs: ['raced ops'],
    edits: [
      {
        file: 'src/core/control.ts',
        find: '  job.ops.set(kind, placed);\n',
        replace:
          "  job.ops.set(kind, placed);\n  if (kind !== 'cancel') job.ops.delete('cancel');\n",
      },
    ],
  },
  {
    name: 'grace without end',
    claim: 'what runs for a cancelled job is never killed',
    needs: ['raced ops', 'deadline'],
    edits: [
      {
        file: 'src/core/scheduler.ts',
        find: 'own.killAt ??= now + state.timing.graceMs;',
        replace: '',
      },
      {
        file: 'src/core/scheduler.ts',
        find: 'if (own.stopping === null && !wanted(state, own)) {',
        replace: 'if (own.stopping === null && !wanted(state, own) && !job?.cancelled) {',
      },
    ],
  },
  {
    name: 'pause not honoured',
    claim: 'candidates of a paused job are claimed',
    needs: ['raced ops'],
    edits: [
      {
        file: 'src/core/scheduler.ts',
        find: '((job.active && !job.paused) || job.lacksValues(state.self.peer)) &&',
        replace: '(job.active || job.lacksValues(state.self.peer)) &&',
      },
      {
        file: 'src/core/scheduler.ts',
        find: 'if (!job.active || job.paused) continue;',
        replace: 'if (!job.active) continue;',
      },
    ],
  },
  {
    name: 'tombstone ignored',
    claim: 'a peer from before brings a collected job back',
    needs: ['collected'],
    edits: [
      {
        file: 'src/core/control.ts',
        find: '  if (state.tombstones.has(id)) return;\n',
        replace: '',
      },
      {
        file: 'src/core/records.ts',
        find: "return 'of a job that was collected';",
        replace: 'void subject;',
      },
    ],
  },
  {
    name: 'manifest unverified',
    claim: 'a job is taken whose signature is not its owner’s',
    needs: ['forged'],
    edits: [
      {
        file: 'src/core/records.ts',
        find: 'return env.verify(body.manifest.owner, encodeManifest(body.manifest), body.signature);',
        replace: 'return encodeManifest(body.manifest).length > 0;',
      },
    ],
  },
  {
    name: 'op unverified',
    claim: 'an op is taken whose signature is not its author’s',
    needs: ['forged'],
    edits: [
      {
        file: 'src/core/records.ts',
        find: 'return env.verify(origin, opPayload(body), body.signature);',
        replace: 'return opPayload(body).length > 0;',
      },
    ],
  },
  {
    name: 'certificate unverified',
    claim: 'a certificate is taken whose signature is not its author’s',
    needs: ['forged'],
    edits: [
      {
        file: 'src/core/records.ts',
        find: 'return env.verify(origin, certificatePayload(body.job, body.certificate), body.signature);',
        replace: 'return certificatePayload(body.job, body.certificate).length > 0;',
      },
    ],
  },
  {
    name: 'summary as a maximum',
    claim: 'a peer tells the highest record that it holds of a log, not which ones',
    edits: [
      {
        file: 'src/core/log-book.ts',
        find: '({ origin, start, ranges: held.toArray() })',
        replace: '({ origin, start, ranges: [[0, held.end()] as const] })',
      },
    ],
  },
  {
    name: 'last record skipped',
    claim: 'a pull is answered without the last record of each range',
    edits: [
      {
        file: 'src/core/sync.ts',
        find: 'to: from, scope, origin, start, ranges });',
        replace: `to: from, scope, origin, start, ranges: ranges.flatMap(
      ([lo, hi]) => hi - 1 > lo ? [[lo, hi - 1] as const] : []) });`,
      },
    ],
  },
  {
    name: 'segment counted twice',
    claim: 'a record that comes again is taken in again',
    needs: ['crash', 'crash between'],
    edits: [
      {
        file: 'src/core/records.ts',
        find: 'if (!state.logs.has(key)) receiveOne(',
        replace: 'if (key.n >= 0) receiveOne(',
      },
    ],
  },
];
