import type { ProgressView } from '../progress-view.ts';
import type { Batch } from './batches.ts';
import type { CommandReport } from './report.ts';

/** Pieces held for commands whose turn it is not: so many characters; the results have the rest. */
const MOST_HELD = 33_554_432;

type Show = () => Promise<void>;

/** Says whose turn it is to be shown while it runs: everybody's, or one command's after another. */
export class TurnOrder {
  readonly #isKept: boolean;
  readonly #held = new Map<number, Show[]>();
  #characters = 0;
  #turn = 0;

  /** isKept: in the order of the arguments. */
  constructor(isKept: boolean) {
    this.#isKept = isKept;
  }

  /** Shows a piece of the command at a place, or holds it until the turn comes to it. */
  async show(place: number, characters: number, show: Show): Promise<void> {
    if (!this.#isKept || place <= this.#turn) return show();
    this.#characters += characters;
    if (this.#characters > MOST_HELD) return;
    const held = this.#held.get(place) ?? [];
    this.#held.set(place, held);
    held.push(show);
  }

  /** All commands before a place were shown. */
  async next(place: number): Promise<void> {
    this.#turn = place;
    const held = this.#held.get(place) ?? [];
    this.#held.delete(place);
    for (const show of held) await show();
  }
}

/** Shows what a job's commands write while they run, until the signal. */
export async function showOutput(
  { job, planned, from, gathering: { places } }: Batch,
  {
    report,
    view,
    order,
  }: {
    readonly report: CommandReport;
    readonly view: ProgressView;
    readonly order: TurnOrder;
  },
  signal: AbortSignal,
): Promise<void> {
  if (job === null) return;
  try {
    for await (const piece of job.output({ signal })) {
      const place = places[piece.index] ?? -1;
      const one = planned[place];
      if (one === undefined) continue;
      await order.show(from + place, piece.base64.length, async () => {
        view.clear();
        await report.piece(one, piece);
      });
    }
  } catch (error) {
    // A peer that went away, or the abort: the results tell of it, and have all.
    if (!signal.aborted && isBrokenPipe(error)) throw error;
  }
}

function isBrokenPipe(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'EPIPE';
}
