import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { MeshError } from '../../core/mesh-error.ts';
import { MAX_JOBS, tooMany } from './combinations.ts';

/** Characters of one argument; a longer one has lost its delimiter. */
const MAX_LENGTH = 16 * 2 ** 20;
/** Characters of one source. */
const MAX_TOTAL = 2 ** 30;

/** Reads the arguments of one source. */
export interface ArgumentReader {
  fromWords(words: readonly string[]): string[];
  fromFile(path: string): Promise<string[]>;
  fromStream(stdin: Readable): Promise<string[]>;
  /** As they come, several at a time. name: of the stream, for messages. */
  asTheyCome(stream: Readable, name: string): AsyncGenerator<string[]>;
}

/** A reader of arguments that each end with the delimiter; the last one need not. */
export function argumentReader({
  delimiter,
  skipBlank = false,
  eof,
}: {
  readonly delimiter: string;
  readonly skipBlank?: boolean;
  /** Ends the source it stands in; the empty text ends none. */
  readonly eof?: string | undefined;
}): ArgumentReader {
  if (delimiter === '') throw new MeshError('MESH_USAGE', 'the delimiter is empty; give a sign');
  const read = async (stream: Readable, name: string): Promise<string[]> => {
    const found = new Arguments(name, { delimiter, skipBlank, eof });
    for await (const chunk of textsOf(stream, name)) found.take(chunk);
    return found.end();
  };
  return {
    fromWords(words) {
      // GNU parallel writes them into a file: a line break within one ends it there.
      const found = new Arguments(':::', { delimiter, skipBlank, eof });
      for (const word of words) found.take(word + delimiter);
      return found.end();
    },
    fromFile: (path) => read(createReadStream(path), `argument file ${path}`),
    fromStream: (stdin) => read(stdin, 'stdin'),
    async *asTheyCome(stream, name) {
      const found = new Arguments(name, { delimiter, skipBlank, eof });
      for await (const chunk of textsOf(stream, name)) {
        found.take(chunk);
        yield found.taken();
        if (found.isOver) return;
      }
      yield found.end();
    },
  };
}

/** Arguments that come in pieces of text. */
class Arguments {
  readonly #name: string;
  readonly #delimiter: string;
  readonly #skipBlank: boolean;
  readonly #eof: string | undefined;
  #isOver = false;
  #found: string[] = [];
  #count = 0;
  #rest = '';
  #total = 0;

  constructor(
    name: string,
    options: {
      readonly delimiter: string;
      readonly skipBlank: boolean;
      readonly eof: string | undefined;
    },
  ) {
    this.#name = name;
    this.#delimiter = options.delimiter;
    this.#skipBlank = options.skipBlank;
    this.#eof = options.eof === '' ? undefined : options.eof;
  }

  /** The argument before which they end was found. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** What was found since this was asked before. */
  taken(): string[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  take(text: string): void {
    this.#total += text.length;
    if (this.#total > MAX_TOTAL) throw this.#fault('more than 1 GiB; run it in parts');
    const parts = (this.#rest + text).split(this.#delimiter);
    this.#rest = parts.pop() ?? '';
    for (const part of parts) this.#add(part);
    if (this.#rest.length > MAX_LENGTH) {
      throw this.#fault(`argument ${this.#count + 1} is over 16 MiB; check the delimiter`);
    }
  }

  end(): string[] {
    if (this.#rest !== '') this.#add(this.#rest);
    return this.#found;
  }

  #add(text: string): void {
    this.#isOver ||= text === this.#eof;
    if (this.#isOver) return;
    if (text.includes('\0')) {
      throw this.#fault(
        `argument ${this.#count + 1} has a NUL character, which no command takes; ` +
          'use -0 if NUL ends each argument',
      );
    }
    if (this.#skipBlank && /^[ \t-\r]*$/.test(text)) return;
    if (this.#count === MAX_JOBS) throw tooMany(`${this.#name}: more than 10 000 000`);
    this.#count += 1;
    this.#found.push(text);
  }

  #fault(reason: string): MeshError {
    return new MeshError('MESH_USAGE', `${this.#name}: ${reason}`);
  }
}

async function* textsOf(stream: Readable, name: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (piece?: Buffer): string => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined });
    } catch (cause) {
      const text = `${name}: it is not UTF-8; convert it (iconv -t UTF-8)`;
      throw new MeshError('MESH_USAGE', text, { cause });
    }
  };
  try {
    for await (const chunk of stream) yield decode(Buffer.from(chunk));
    yield decode();
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    const text = `${name}: it cannot be read (${(cause as Error).message})`;
    throw new MeshError('MESH_NO_FILE', text, { cause });
  }
}
