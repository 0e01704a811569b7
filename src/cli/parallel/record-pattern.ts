import { MeshError } from '../../core/mesh-error.ts';
import { perlPattern } from './perl-pattern.ts';

/** How records are told apart. */
export interface PatternOptions {
  /** What ends a record, and what begins the next one; '' where nothing need. */
  readonly end: string;
  readonly start: string;
  /** Records of each block (-N); null: as many as are whole. */
  readonly records: number | null;
  /** Of so many records one is made (-L). */
  readonly lines: number | null;
}

/** Any sign, in a text of a sign for each byte. */
const ANY = '[\\s\\S]';

/** Records between regular expressions of Perl's, cut where GNU parallel's --regexp cuts them. */
export class RecordPattern {
  readonly #block: RegExp;
  /** What comes before the first record; null: not looked for, or found. */
  #garbage: { readonly start: RegExp; readonly record: RegExp } | null = null;
  readonly #isCounted: boolean;
  /** What was looked at last, without the block that it began with, as a text. */
  #rest: { readonly bytes: Buffer; readonly text: string } | null = null;
  readonly #start: RegExp;
  readonly #end: RegExp;
  readonly #both: RegExp;

  /** @throws MeshError MESH_USAGE for what JavaScript reads in another way */
  constructor({ end, start, records, lines }: PatternOptions) {
    const [from, to] = [translated('--recstart', start), translated('--recend', end)];
    this.#isCounted = records !== null;
    const inside = `(?:(?!${to}${from})${ANY})*?`;
    if (records === null) {
      this.#block = new RegExp(`^(${ANY}*${to})${from}${ANY}*?$`, 'mu');
    } else {
      const count = records * (lines ?? 1);
      this.#block = new RegExp(`^((?:${from}${inside}${to}){${count}})(?=${from})`, 'mu');
      const record = new RegExp(`^(${inside}${to})(?=${from})`, 'mu');
      this.#garbage = { start: new RegExp(`^${from}`, 'u'), record };
    }
    this.#start = new RegExp(`^${from}`, 'u');
    this.#end = new RegExp(`${to}(?=\\n?(?!${ANY}))`, 'u');
    this.#both = new RegExp(`${to}${from}`, 'gu');
  }

  /** Where the next block ends; 0: not within what is here. isOver: nothing comes behind it. */
  endOfBlock(bytes: Buffer, isOver: boolean): number {
    const text = this.#textOf(bytes);
    const end = this.#endIn(text, isOver);
    // A text of a million records is not made anew for each.
    this.#rest = end === 0 ? null : { bytes: bytes.subarray(end), text: text.slice(end) };
    return end;
  }

  #textOf(bytes: Buffer): string {
    const before = this.#rest?.bytes;
    const isRest =
      before?.buffer === bytes.buffer &&
      before.byteOffset === bytes.byteOffset &&
      before.length === bytes.length;
    return isRest && this.#rest !== null ? this.#rest.text : bytes.toString('latin1');
  }

  #endIn(text: string, isOver: boolean): number {
    const garbage = this.#garbage;
    if (garbage !== null) {
      this.#garbage = null;
      const before = garbage.start.test(text) ? 0 : lengthOf(garbage.record.exec(text));
      if (before > 0) return before;
    }
    // What comes last needs no separator.
    if (isOver && !this.#isCounted) return 0;
    return lengthOf(this.#block.exec(text));
  }

  /** A block without what stands between its records, and at its ends (--rrs). */
  withoutSeparators(block: Buffer): Buffer {
    const text = block.toString('latin1').replace(this.#both, '');
    return Buffer.from(text.replace(this.#start, '').replace(this.#end, ''), 'latin1');
  }
}

function lengthOf(found: RegExpExecArray | null): number {
  return found?.[1]?.length ?? 0;
}

/**
 * A pattern for a text of a sign for each byte, as one unit. option: whose value it is.
 * @throws MeshError MESH_USAGE for what JavaScript reads in another way
 */
export function translated(option: string, pattern: string): string {
  const bytes = Buffer.from(pattern).toString('latin1');
  const made = perlPattern(bytes, 'm');
  if (made !== null) return `(?:${made.source === '(?:)' ? '' : made.source})`;
  const shown = `${option} ${JSON.stringify(pattern)}`;
  const text = `${shown}: this is no regular expression, or one that only Perl knows`;
  throw new MeshError('MESH_USAGE', text);
}
