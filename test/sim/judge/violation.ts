/** An invariant of design.md section 10 that a world broke. */
export class Violation extends Error {
  /** Its name there: S1 … E5. */
  readonly invariant: string;
  readonly at: number;

  constructor(invariant: string, at: number, what: string) {
    super(what);
    this.name = 'Violation';
    this.invariant = invariant;
    this.at = at;
  }
}
