import type { Bug } from './plant.ts';

/** Bugs in who lives, and in what the death of a peer does. */
export const LIFE_BUGS: readonly Bug[] = [
  {
    name: 'lease pinned by a dead register',
    claim: "a dead peer's leases count for ever",
    needs: ['owner gone', 'leave storm', 'power', 'blackout', 'crash'],
    edits: [
      {
        file: 'src/core/roster.ts',
        find: "    if (this.state(view, now) !== 'dead') return true;\n",
        replace: "    if (this.state(view, now) !== 'dead' || view.heardAt > 0) return true;\n",
      },
    ],
  },
  {
    name: "relay's death taken for a peer's",
    claim: 'a stream that ends without a reset is evidence of death',
    needs: ['cut stream'],
    edits: [
      {
        file: 'src/core/step.ts',
        find: 'if (event.reset) state.roster.evidence(',
        replace: 'state.roster.evidence(',
      },
    ],
  },
  {
    name: 'death never told',
    claim: 'a silent peer counts as alive',
    needs: ['power', 'blackout', 'suspend'],
    edits: [
      {
        file: 'src/core/roster.ts',
        find: "    if (silent > this.#deadAfter(view)) return 'dead';\n",
        replace: '',
      },
    ],
  },
  {
    name: 'stall does not stretch',
    claim: 'a peer whose own loop stood still takes that for the silence of the others',
    needs: ['stall'],
    edits: [
      {
        file: 'src/core/step.ts',
        find: '    state.roster.stretch(gap);\n',
        replace: '',
      },
    ],
  },
  {
    name: 'evidence outlives its cause',
    claim: 'a heartbeat does not take back the evidence of a death',
    needs: ['crash', 'leave storm', 'crash between'],
    edits: [
      {
        file: 'src/core/roster.ts',
        find: '    view.heardAt = now;\n    view.evidenceAt = null;\n',
        replace: '    view.heardAt = now;\n',
      },
    ],
  },
  {
    name: 'old register wins',
    claim: 'a register that comes late takes the place of a newer one',
    needs: ['reordering', 'slow network'],
    edits: [
      {
        file: 'src/core/roster.ts',
        find: 'if (order < 0 || (order === 0 && register.sequence <= before.sequence)) return false;',
        replace: 'if (order < 0) return false;',
      },
    ],
  },
  {
    name: 'copied home lives on',
    claim: 'two processes with one identity both go on',
    needs: ['copied home'],
    edits: [
      {
        file: 'src/core/twin.ts',
        find: 'if (twin.advances < ALIVE_AFTER) return;',
        replace: 'if (twin.advances >= 0) return;',
      },
    ],
  },
  {
    name: 'lost interval never retried',
    claim: 'what was under way at two crashes is never claimed again',
    needs: ['poison', 'blackout', 'crash', 'power'],
    edits: [
      {
        file: 'src/core/special-choice.ts',
        find: 'silentMs < lostMs * 2 **',
        replace: 'silentMs < lostMs * 1000 * 2 **',
      },
    ],
  },
  {
    name: 'lost interval claimed by all',
    claim: 'what was under way at two crashes is tried by every peer at once',
    needs: ['poison'],
    edits: [
      {
        file: 'src/core/special-choice.ts',
        find: 'if (over.length < 2) return isOwn || silentMs >= deadMs;',
        replace: 'if (over.length < 999) return true;',
      },
    ],
  },
];
