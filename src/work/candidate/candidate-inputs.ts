import type { Scratch } from '../sandbox/scratch.ts';
import type { CandidateInput } from './load-program.ts';

/** Makes what the function of a program is called with. */
export type CandidateInputs = new (
  rng: CandidateInput['rng'],
  index: number,
  item: unknown,
  params: unknown,
  state: unknown,
  log: CandidateInput['log'],
) => CandidateInput;

/**
 * The inputs of an executor's candidates. A class, since its getter costs nothing until it is read:
 * one in an object that is written out is made anew for each candidate. All else is handed over
 * each time, which costs no more than writing the object out; what is the same for all candidates
 * taken from around the class would cost a tenth of a trivial candidate.
 */
export function candidateInputs(scratch: Scratch): CandidateInputs {
  return class Input implements CandidateInput {
    declare readonly rng: CandidateInput['rng'];
    declare readonly index: number;
    declare readonly item: unknown;
    declare readonly params: unknown;
    declare readonly state: unknown;
    declare readonly log: CandidateInput['log'];

    constructor(
      rng: CandidateInput['rng'],
      index: number,
      item: unknown,
      params: unknown,
      state: unknown,
      log: CandidateInput['log'],
    ) {
      this.rng = rng;
      this.index = index;
      this.item = item;
      this.params = params;
      this.state = state;
      this.log = log;
    }

    get scratch(): string {
      return scratch.ask();
    }
  };
}
