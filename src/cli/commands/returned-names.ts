import { resolve } from 'node:path';
import type { CommandValue } from '../../node/reports/command-result.ts';
import type { Planned } from './plan.ts';

/** Names that are kept; what comes after so many is not looked at. */
const MOST_NAMES = 1_000_000;

/** Two commands that brought back a file of one name: one overwrote the other. */
export interface SharedName {
  readonly name: string;
  readonly first: number;
  readonly second: number;
}

/**
 * Finds commands that brought back one name: of a pattern it is known once they have run. For those
 * that have folders of their own: in a common one the pattern finds what others made, too.
 */
export class ReturnedNames {
  readonly #firsts = new Map<string, number>();
  readonly #directory: string;

  /** directory: where names begin. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Takes what a command brought back. Null: all of it is its own. */
  take({ seq, files }: Pick<Planned, 'seq' | 'files'>, value: CommandValue): SharedName | null {
    if (files.returns.length === 0) return null;
    let shared: SharedName | null = null;
    for (const name of Object.keys(value.files ?? {})) {
      const place = resolve(this.#directory, name);
      const first = this.#firsts.get(place);
      if (first === undefined && this.#firsts.size < MOST_NAMES) this.#firsts.set(place, seq);
      else if (first !== undefined && first !== seq) shared ??= { name, first, second: seq };
    }
    return shared;
  }
}
