/** What a run of a command left, as its executor tells it (src/work/command). */
export interface CommandValue {
  readonly exit: number;
  readonly signal: number;
  readonly ended?: 'timeout' | 'output';
  readonly stdout?: string;
  readonly stderr?: string;
  readonly stdoutBase64?: string;
  readonly stderrBase64?: string;
  readonly stdoutFile?: LongOutput;
  readonly stderrFile?: LongOutput;
  /** Seconds since 1970. */
  readonly started: number;
  readonly seconds: number;
  readonly tries: number;
  /** Files that it wrote, of those that its text names: bytes and time of change in ms. */
  readonly outputs?: Readonly<Record<string, readonly [bytes: number, changedMs: number]>>;
}

/** An output too long for a value, on the machine where the command ran. */
export interface LongOutput {
  readonly file: string;
  readonly bytes: number;
}

/** Says whether a run did what it was to do. */
export function hasSucceeded({ exit, signal, ended }: CommandValue): boolean {
  return exit === 0 && signal === 0 && ended === undefined;
}

/** How a run failed, in two words. */
export function failureOf({ exit, signal, ended }: CommandValue): string {
  return ended ?? (signal === 0 ? `exit ${exit}` : `signal ${signal}`);
}
