/** Of a message and what is in it; ours go three deep. */
const MOST_DEPTH = 6;
/** Of an object of a message. */
const MOST_PROPERTIES = 16;

const HEAD = [0xff, 0x0f];
/** Numbers by which Node tells the views of bytes apart. */
const UINT8_ARRAY = 1;
const FLOAT64_ARRAY = 8;
const BUFFER = 10;

const TAG = Object.fromEntries(
  Object.entries({
    ...{ padding: '\0', undefined: '_', null: '0', true: 'T', false: 'F', int: 'I', double: 'N' },
    ...{ oneByte: '"', twoByte: 'c', object: 'o', objectEnd: '{', view: '\\' },
    ...{ dense: 'A', denseEnd: '$', sparse: 'a', sparseEnd: '@' },
  }).map(([name, character]) => [name, character.charCodeAt(0)]),
) as { readonly [name in string]: number };

/** What is wrong with the bytes; thrown in here alone. */
class Fault extends Error {}

/**
 * What is wrong with bytes that V8 is to make a message of, in words, or null. V8 trusts a length
 * that stands in them, and makes room for it before it looks at what follows: a few bytes would
 * take all memory of the peer. What passes is whole, flat, has no other tags than a message of an
 * executor has, and takes eight times its bytes at most.
 * @see https://chromium.googlesource.com/v8/v8/+/refs/heads/main/src/objects/value-serializer.cc
 */
export function faultOfBytes(bytes: Uint8Array): string | null {
  try {
    new Walk(bytes).whole();
    return null;
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
}

class Walk {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  whole(): void {
    for (const byte of HEAD) if (this.#byte() !== byte) throw new Fault('a message without a head');
    this.#value(0);
    if (this.#at !== this.#bytes.length) throw new Fault('more than one value in a message');
  }

  #value(depth: number): void {
    if (depth > MOST_DEPTH) throw new Fault('a message that is nested too deeply');
    switch (this.#tag()) {
      case TAG['undefined']:
      case TAG['null']:
      case TAG['true']:
      case TAG['false']:
        return;
      case TAG['int']:
        this.#number();
        return;
      case TAG['double']:
        return this.#skip(8);
      case TAG['oneByte']:
      case TAG['twoByte']:
        return this.#skip(this.#number());
      case TAG['object']:
        return this.#object(depth);
      case TAG['dense']:
        return this.#dense(depth);
      case TAG['sparse']:
        return this.#sparse(depth);
      case TAG['view']:
        return this.#view();
      default:
        throw new Fault('a value that no message has');
    }
  }

  #object(depth: number): void {
    let count = 0;
    while (this.#peek() !== TAG['objectEnd']) {
      this.#text();
      this.#value(depth + 1);
      count += 1;
      if (count > MOST_PROPERTIES) throw new Fault('an object of too many properties');
    }
    this.#at += 1;
    this.#mustBe(count);
  }

  #dense(depth: number): void {
    const length = this.#number();
    for (let k = 0; k < length; k += 1) this.#value(depth + 1);
    if (this.#tag() !== TAG['denseEnd']) throw new Fault('a list with properties');
    this.#mustBe(0);
    this.#mustBe(length);
  }

  /** What V8 writes of a list that might have holes. */
  #sparse(depth: number): void {
    const length = this.#number();
    let count = 0;
    while (this.#peek() !== TAG['sparseEnd']) {
      if (this.#tag() !== TAG['int']) throw new Fault('a list with properties');
      this.#mustBe(2 * count);
      this.#value(depth + 1);
      count += 1;
    }
    this.#at += 1;
    this.#mustBe(count);
    this.#mustBe(length);
    if (count !== length) throw new Fault('a list with holes');
  }

  #view(): void {
    const kind = this.#number();
    if (kind !== UINT8_ARRAY && kind !== FLOAT64_ARRAY && kind !== BUFFER) {
      throw new Fault('a list of numbers that no message has');
    }
    this.#skip(this.#number());
  }

  #text(): void {
    const tag = this.#tag();
    if (tag !== TAG['oneByte'] && tag !== TAG['twoByte']) throw new Fault('a key that is no text');
    this.#skip(this.#number());
  }

  #mustBe(count: number): void {
    if (this.#number() !== count) throw new Fault('a count that is not true');
  }

  /** The next tag, which is not taken. */
  #peek(): number {
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new Fault('a message that ends too early');
      if (byte !== TAG['padding']) return byte;
      this.#at += 1;
    }
  }

  #tag(): number {
    const tag = this.#peek();
    this.#at += 1;
    return tag;
  }

  /** 32 bits, seven a byte, the lowest first. */
  #number(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 35; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new Fault('a number that is too large');
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new Fault('a message that ends too early');
    this.#at += 1;
    return byte;
  }

  #skip(count: number): void {
    this.#at += count;
    if (this.#at > this.#bytes.length) throw new Fault('a message that ends too early');
  }
}
