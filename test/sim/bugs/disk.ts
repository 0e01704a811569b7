import type { Bug } from './plant.ts';

/** Bugs in what is on disk, and in what is said of it. */
export const DISK_BUGS: readonly Bug[] = [
  {
    name: 'receipt before the sync',
    claim: 'a receipt is given for a record that is not on disk yet',
    edits: [
      {
        file: 'src/core/receipts.ts',
        find: 'if (write === undefined || write > state.stored) return false;',
        replace: 'if (write === undefined) return false;',
      },
    ],
  },
  {
    name: 'receipt without the program',
    claim: 'a receipt is given for a job whose program is not here',
    edits: [
      {
        file: 'src/core/receipts.ts',
        find: 'if (job.record === hash) return keepsNamed(turn, job);',
        replace: 'if (job.record === hash) return true;',
      },
    ],
  },
  {
    name: 'certificate before the sync',
    claim: 'a receipt is given for an answer whose outcomes are not on disk yet',
    edits: [
      {
        file: 'src/core/receipts.ts',
        find: 'if (state.stored < job.answerWrite) turn.hurry();',
        replace: 'if (state.stored < 0) turn.hurry();',
      },
    ],
  },
  {
    name: 'receipt without the values',
    claim: 'a receipt is given for an answer whose long values are not here',
    edits: [
      {
        file: 'src/core/receipts.ts',
        find: 'else if (keepsValues(turn, job.computation, ending.end)) return true;',
        replace: 'else return true;',
      },
    ],
  },
  {
    name: 'acknowledged at once',
    claim: 'a client is told that its job is kept when this peer alone keeps it',
    edits: [
      {
        file: 'src/core/receipts.ts',
        find: 'return Math.max(1, Math.min(HOLDERS, livingStorers(turn).length));',
        replace: 'return livingStorers(turn).length > 0 ? 1 : 1;',
      },
    ],
  },
  {
    name: 'batch torn in two',
    claim: 'a crash leaves a part of the writes of one step',
    needs: ['crash unsynced', 'crash between', 'power', 'blackout'],
    edits: [
      {
        file: 'test/sim/world/disk.ts',
        find: '    return this.#batches.slice(0, count);',
        replace: `    const whole = this.#batches.slice(0, count);
    const torn = this.#batches[count];
    if (torn === undefined || torn.writes.length < 2) return whole;
    return [...whole, { ...torn, writes: torn.writes.slice(torn.writes.length >>> 1) }];`,
      },
    ],
  },
  {
    name: 'batches out of order',
    claim: 'a crash leaves a later step on disk and not the one before it',
    needs: ['crash unsynced', 'crash between', 'power', 'blackout'],
    edits: [
      {
        file: 'test/sim/world/disk.ts',
        find: '    return this.#batches.slice(0, count);',
        replace: '    return this.#batches.slice(Math.min(1, count - 1), count);',
      },
    ],
  },
  {
    name: 'start before the lease is on disk',
    claim: 'an interval begins before the batch that holds its lease is written',
    edits: [
      {
        file: 'src/core/scheduler.ts',
        find: 'own.startedAt !== null || own.write > state.stored',
        replace: 'own.startedAt !== null',
      },
    ],
  },
  {
    name: 'own leases forgotten',
    claim: 'what was under way when a process ended is not told as lost at the next start',
    needs: ['poison'],
    edits: [
      {
        file: 'src/core/boot.ts',
        find: '  tellLost(turn, event.locals.get(LEASES_ENTRY));\n',
        replace: '',
      },
    ],
  },
  {
    name: 'incarnation not raised',
    claim: 'a peer that lost its disk goes on with a start below its last one',
    needs: ['wiped disk'],
    edits: [
      {
        file: 'src/core/step.ts',
        find: '  riseAboveTwin(turn);\n',
        replace: '',
      },
    ],
  },
  {
    name: 'numbers used again',
    claim: 'after a restart the records of a log are numbered from 0 again under the same start',
    needs: ['crash between', 'power', 'blackout', 'crash unsynced', 'crash'],
    edits: [
      {
        file: 'test/sim/world/machine.ts',
        find: 'this.run}`).slice(0, 16);',
        replace: 'this.id}`).slice(0, 16);',
      },
      {
        file: 'test/sim/world/machine.ts',
        find: 'Math.max(this.disk.incarnation + 1, Math.floor(this.wall / 1000));',
        replace: 'Math.max(this.disk.incarnation, 1_600_000_000);',
      },
      {
        file: 'src/core/log-book.ts',
        find: 'return this.#log({ scope, origin, start, n: 0 })?.next ?? 0;',
        replace: `const log = this.#log({ scope, origin, start, n: 0 });
    return Math.max(0, (log?.next ?? 0) - 1) + Math.min(log?.held.size ?? 0, 1);`,
      },
    ],
  },
  {
    name: 'blob unchecked',
    claim: 'a blob is taken in without a look at its hash',
    edits: [
      {
        file: 'src/core/blobs.ts',
        find: 'if (turn.env.hash(content) !== hash) {',
        replace: 'if (content.length < 0) {',
      },
      // Somebody has to send a wrong one.
      {
        file: 'test/sim/world/machine.ts',
        find: 'bytes: bytes ?? new Uint8Array() }',
        replace: 'bytes: bytes?.with(0, bytes.length % 2) ?? new Uint8Array() }',
      },
    ],
  },
  {
    name: 'values of the dead forgotten',
    claim: 'a value whose holders are all gone is not evaluated again',
    needs: ['lost values'],
    edits: [
      {
        file: 'src/core/blobs.ts',
        find: 'if (!allAsked || openAt',
        replace: 'if (!allAsked || hash.length > 0 || openAt',
      },
    ],
  },
  {
    name: 'shared blobs dropped',
    claim: 'with a collected job go blobs that another job names as well',
    needs: ['collected'],
    edits: [
      {
        file: 'src/core/retention.ts',
        find: 'others.flatMap((other) => namedBlobs(turn, other))',
        replace: 'others.flatMap((other) => namedBlobs(turn, other).slice(0, 1))',
      },
    ],
  },
];
