import { MeshError } from '../../core/mesh-error.ts';

/** When to end before all jobs are done. */
export type Halt =
  | { readonly when: 'never' }
  | {
      /** `soon`: start no more jobs; `now`: end those that run, too. */
      readonly when: 'soon' | 'now';
      /** Which jobs count. */
      readonly why: 'fail' | 'success' | 'done';
      /** How many; with `%` how many of a hundred. */
      readonly limit: number;
      readonly unit: 'jobs' | '%';
    };

/** What to do after a job. */
export type HaltVerdict = 'go on' | 'soon' | 'now';

const OLD_FORMS: ReadonlyMap<string, string> = new Map([
  ['0', 'never'],
  ['1', 'soon,fail=1'],
  ['2', 'now,fail=1'],
  ['-1', 'soon,success=1'],
  ['-2', 'now,success=1'],
]);
const FORM = /^(soon|now),(fail|success|done)=(\d{1,8})(%?)$/;

/**
 * Reads --halt: `never`, `soon,fail=1`, `now,success=3`, `now,done=50%`, and the old forms 0, 1, 2,
 * -1, -2 and `20%` (soon, when so many failed).
 * @throws MeshError MESH_USAGE for any other, and for none or more than 100 %
 */
export function parseHalt(text: string): Halt {
  const whole = (OLD_FORMS.get(text) ?? text).replace(/^(\d+%)$/, 'soon,fail=$1');
  if (whole === 'never') return { when: 'never' };
  const [, when, why, digits, percent] = FORM.exec(whole) ?? [];
  const limit = Number(digits);
  if (limit >= 1 && (percent === '' || limit <= 100)) {
    return {
      when: when === 'now' ? 'now' : 'soon',
      why: why === 'fail' ? 'fail' : why === 'success' ? 'success' : 'done',
      limit,
      unit: percent === '%' ? '%' : 'jobs',
    };
  }
  const reason = 'it must be never, or soon or now with what counts: soon,fail=1 or now,done=50%';
  throw new MeshError('MESH_USAGE', `--halt ${text}: ${reason}`);
}

/** Counts finished jobs, and says when --halt is reached; from then on it says so always. */
export class HaltWatch {
  readonly #halt: Halt;
  readonly #limit: number;
  #done: number;
  #failed = 0;
  #verdict: HaltVerdict = 'go on';

  /** `jobs` is the number of all, `doneBefore` how many of them --resume left out. */
  constructor(halt: Halt, { jobs, doneBefore = 0 }: { jobs: number; doneBefore?: number }) {
    this.#halt = halt;
    this.#done = doneBefore;
    if (halt.when === 'never') this.#limit = Number.POSITIVE_INFINITY;
    else this.#limit = halt.unit === '%' ? (jobs * halt.limit) / 100 : halt.limit;
  }

  /** Takes the exit code of a job that finished; one ended by a signal has failed: not 0. */
  finished(exit: number): HaltVerdict {
    this.#done += 1;
    if (exit !== 0) this.#failed += 1;
    if (this.#halt.when === 'never' || this.#verdict !== 'go on') return this.#verdict;
    const { why, when } = this.#halt;
    // It takes a success, even if those of an earlier run were enough.
    if (why === 'success' && exit !== 0) return 'go on';
    const succeeded = this.#done - this.#failed;
    const count = why === 'fail' ? this.#failed : why === 'success' ? succeeded : this.#done;
    if (count >= this.#limit) this.#verdict = when;
    return this.#verdict;
  }
}
