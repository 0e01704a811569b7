import { linesBetween } from '../../core/answer.ts';
import type { JobState } from '../../core/job-state.ts';
import type { Line } from '../../core/outcome-list.ts';

/** Text of lines that comes in one piece, about. */
const PIECE_CHARS = 16_384;

/**
 * The texts of lines from one position on, as many as make a piece, up to another position or to
 * the first line whose text is not here; end: the index behind the last of them.
 */
export function textsAtHand(
  job: JobState,
  from: number,
  to: number,
): { readonly texts: readonly string[]; readonly end: number } {
  const texts: string[] = [];
  let characters = 0;
  let end = 0;
  for (const line of linesBetween(job, from, to)) {
    const text = textOf(line);
    if (text === undefined) break;
    texts.push(text);
    end = line.index + 1;
    characters += text.length;
    if (characters >= PIECE_CHARS) break;
  }
  return { texts, end };
}

/** The text of a line whose value is here; undefined of others, and of a text that is two lines. */
function textOf({ index, outcome }: Line): string | undefined {
  if (outcome.kind !== 'value' || outcome.text.includes('\n')) return undefined;
  return `{"index":${index},"value":${outcome.text}}`;
}
