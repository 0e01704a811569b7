import type { Scratch } from '../sandbox/scratch.ts';
import type { CandidateInput, LoadedProgram } from './load-program.ts';
import type { Rng, Streams } from './rng.ts';

/** Makes what the function of a program is called with. */
export type CandidateInputs = new (index: number, item: unknown) => CandidateInput;

/** What is the same for all candidates of an executor. */
export interface CommonInputs {
  readonly program: LoadedProgram;
  readonly streams: Streams;
  readonly log: CandidateInput['log'];
  readonly scratch: Scratch;
}

/**
 * The inputs of one executor's candidates. A class, since its getter costs nothing until it is
 * read: one in an object that is written out would be made anew for each candidate.
 */
export function candidateInputs({ program, streams, log, scratch }: CommonInputs): CandidateInputs {
  const { params, state } = program;
  const { rng } = streams;
  return class Input implements CandidateInput {
    readonly rng: Rng = rng;
    readonly index: number;
    readonly item: unknown;
    readonly params: unknown = params;
    readonly state: unknown = state;
    readonly log: CandidateInput['log'] = log;

    constructor(index: number, item: unknown) {
      this.index = index;
      this.item = item;
    }

    get scratch(): string {
      return scratch.ask();
    }
  };
}
