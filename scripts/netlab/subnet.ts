/** The number of the first host of a subnet; those below it are for routers. */
const FIRST_HOST = 10;

const LAST_HOST = 250;

/** The IPv4 addresses of one network of 254 machines, handed out in order. */
export class Subnet {
  /** The first three numbers of each address: `45.64.7`. */
  readonly start: string;
  #next: number = FIRST_HOST;

  constructor(start: string) {
    this.start = start;
  }

  /** Where machines send what is not for this network. */
  get gateway(): string {
    return `${this.start}.1`;
  }

  /** With the length of the mask, for people: `45.64.7.0/24`. */
  get text(): string {
    return `${this.start}.0/24`;
  }

  /** An address that nobody had before. @throws RangeError when there is none left. */
  take(): string {
    if (this.#next > LAST_HOST) throw new RangeError(`no address is left in ${this.text}`);
    return `${this.start}.${this.#next++}`;
  }
}
