import { formed, type Piece, type Placeholder } from './placeholders.ts';

/** A name that a pattern gives for a job, and the arguments that it is made of. */
export interface FormedName {
  readonly text: string;
  /** Places of the arguments of which more than the last part of the path is in it. */
  readonly from: readonly number[];
}

/**
 * The names that a pattern gives for a job: with `{}` or the like, one for each argument; none
 * where it has a position that this job has no argument for. shown: what is put in of an argument.
 */
export function formedNames(
  pieces: readonly Piece[],
  args: readonly string[],
  seq: number,
  shown: (text: string) => string = (text) => text,
): FormedName[] {
  const takesEach = pieces.some((piece) => isPlaceholder(piece) && isEach(piece));
  const rounds = takesEach ? args.map((_, place) => place) : [-1];
  return rounds.flatMap((each) => {
    let text = '';
    const from: number[] = [];
    for (const piece of pieces) {
      if (!isPlaceholder(piece)) {
        text += piece;
        continue;
      }
      const { form, position } = piece;
      if (form === 'number' && position === null) {
        text += String(seq);
        continue;
      }
      const place = position === null ? each : position > 0 ? position - 1 : args.length + position;
      const argument = args[place];
      if (argument === undefined) return [];
      text += shown(formed(form, argument, seq));
      if (form === 'whole' || form === 'stem' || form === 'folder') from.push(place);
    }
    return text === '' ? [] : [{ text, from }];
  });
}

function isPlaceholder(piece: Piece): piece is Placeholder {
  return typeof piece !== 'string';
}

function isEach({ form, position }: Placeholder): boolean {
  return position === null && form !== 'number';
}
