import { MeshError } from '../../core/mesh-error.ts';
import { ByteSource } from './byte-source.ts';
import { RecordPattern, translated } from './record-pattern.ts';

/** Bytes of a block at most, and of a record. */
export const MAX_BLOCK_BYTES: number = 2 ** 30;
/** Bytes of a block when nothing else is said, as GNU parallel has it. */
export const BLOCK_BYTES: number = 2 ** 20;

/** How an input is cut into blocks. */
export interface CutOptions {
  /** Of a block of whole records, as far as one is not longer. */
  readonly blockBytes: number;
  /** Records of each block (-N); null: as many as fit. */
  readonly records: number | null;
  /** Lines of each record (-L); null: records end at the separator. */
  readonly lines: number | null;
  /** What ends a record and what begins the next one: both stand between two. */
  readonly end: string;
  readonly start: string;
  /** Blocks have at least `blockBytes` and end with the record that comes to it (--pipepart). */
  readonly atLeast: boolean;
  /** `end` and `start` are regular expressions of Perl's (--regexp). @default false */
  readonly isPattern?: boolean;
  /**
   * A block that is not full after this time ends with its last whole record, in ms
   * (--block-timeout). @default it is waited for
   */
  readonly blockMs?: number;
  /** Blocks have no separators (--rrs). */
  readonly bare: boolean;
  /** What begins the input, a sign for each byte, and each block (--header). @default nothing */
  readonly header?: RegExp;
}

/**
 * Cuts an input into blocks where GNU parallel's --pipe does. One block, and as much again of what
 * comes behind it, is in memory. Blocks are to be used before the next one is asked for.
 * @throws MeshError MESH_USAGE for a record above MAX_BLOCK_BYTES
 */
export async function* cutRecords(
  input: AsyncIterable<Uint8Array>,
  options: CutOptions,
): AsyncGenerator<Uint8Array> {
  const source = new ByteSource(input);
  const { blockMs = null } = options;
  const pattern = options.isPattern === true ? new RecordPattern(options) : null;
  let { blockBytes } = options;
  let rest: Buffer = Buffer.alloc(0);
  let header: Buffer = rest;
  if (options.header !== undefined) {
    [header, rest] = await headerOf(source, blockBytes, options.header);
  }
  const ready = (block: Buffer): Uint8Array => {
    const own = options.bare ? bareOf(block, options, pattern) : block;
    return header.length === 0 ? own : Buffer.concat([header, own]);
  };
  for (;;) {
    const wanted = blockBytes - (rest.length % blockBytes);
    const { bytes: more, isOver } = await source.take(wanted, blockMs);
    rest = rest.length === 0 ? more : Buffer.concat([rest, more]);
    let isCut = false;
    for (;;) {
      const end =
        pattern === null || (options.lines !== null && options.records === null)
          ? endOfBlock(rest, options, isOver)
          : pattern.endOfBlock(rest, isOver);
      if (end <= 0) break;
      yield ready(rest.subarray(0, end));
      rest = rest.subarray(end);
      isCut = true;
    }
    if (isOver) break;
    if (rest.length >= MAX_BLOCK_BYTES) throw tooLong();
    // GNU parallel does so, and where it cuts depends on it.
    if (!isCut && !options.atLeast && blockMs === null) {
      blockBytes = Math.min(Math.ceil(blockBytes * 1.3 + 1), MAX_BLOCK_BYTES);
    }
  }
  if (rest.length > 0) yield ready(rest);
}

/** Where the next block ends; 0: not within what is here. */
function endOfBlock(bytes: Buffer, options: CutOptions, isOver: boolean): number {
  const { records, lines, end, start, atLeast, blockBytes } = options;
  const separator = Buffer.from(end + start);
  const behind = Buffer.byteLength(end);
  if (atLeast) {
    if (bytes.length <= blockBytes) return 0;
    const at = bytes.indexOf(separator, blockBytes);
    return at === -1 || at + behind >= bytes.length ? 0 : at + behind;
  }
  if (records !== null) {
    let at = 0;
    for (let k = records * (lines ?? 1); k > 0; k--) {
      // As in GNU parallel, what the first record begins with is no separator.
      if (separator.length === 0 && at === bytes.length) return 0;
      at = bytes.indexOf(separator, at + 1);
      if (at === -1) return 0;
    }
    return at + behind;
  }
  if (lines !== null) return endOfLines(bytes, lines);
  // What comes last needs no separator.
  if (isOver) return 0;
  if (separator.length === 0) return bytes.length;
  const at = bytes.lastIndexOf(separator);
  return at === -1 ? 0 : at + behind;
}

/** The end of the last line of which the number is a multiple. */
function endOfLines(bytes: Buffer, lines: number): number {
  let count = 0;
  let end = 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) {
    count += 1;
    if (count % lines === 0) end = at + 1;
  }
  return end;
}

function bareOf(block: Buffer, options: CutOptions, pattern: RecordPattern | null): Buffer {
  return pattern === null ? withoutSeparators(block, options) : pattern.withoutSeparators(block);
}

function withoutSeparators(block: Buffer, { end, start }: CutOptions): Buffer {
  // A character for each byte.
  const [first, last] = [start, end].map((text) => Buffer.from(text).toString('latin1'));
  let text = block.toString('latin1');
  if (first !== undefined && last !== undefined) {
    if (first + last !== '') text = text.replaceAll(last + first, '');
    if (text.startsWith(first)) text = text.slice(first.length);
    if (text.endsWith(last)) text = text.slice(0, text.length - last.length);
  }
  return Buffer.from(text, 'latin1');
}

/**
 * What --header stands for: `:`, the first line; a number, so many lines; else a regular expression
 * of Perl's. @throws MeshError MESH_USAGE for what JavaScript reads in another way
 */
export function headerPattern(header: string): RegExp {
  const lines = header === ':' ? '1' : header;
  if (/^\d+$/.test(lines)) return new RegExp(`^(?:[^\\n]*\\n){${lines}}`, 'u');
  return new RegExp(`^${translated('--header', header)}`, 'u');
}

/** The header, and what was read behind it: as GNU parallel, looked for after each piece. */
async function headerOf(
  source: ByteSource,
  blockBytes: number,
  pattern: RegExp,
): Promise<[Buffer, Buffer]> {
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const { bytes: more } = await source.take(blockBytes);
    bytes = Buffer.concat([bytes, more]);
    const found = pattern.exec(bytes.toString('latin1'));
    const end = found?.[0].length;
    if (end !== undefined) return [bytes.subarray(0, end), bytes.subarray(end)];
    if (more.length < blockBytes) return [Buffer.alloc(0), bytes];
    if (bytes.length > MAX_BLOCK_BYTES) throw tooLong();
  }
}

function tooLong(): MeshError {
  const text = 'stdin has a record of more than 1 GiB; --recend says where records end';
  return new MeshError('MESH_USAGE', text);
}
