import type { WorkFailure } from './workforce.ts';

/**
 * This machine cannot have an item, and will not when it is asked again: a failed attempt at that
 * candidate, so that another machine tries it. Thrown by `items` of WorkInputs that give one at a
 * time.
 */
export class ItemError extends Error {
  readonly failure: WorkFailure;

  /** detail: why; one line for a person. */
  constructor(detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.failure = { kind: 'system', detail };
  }
}
