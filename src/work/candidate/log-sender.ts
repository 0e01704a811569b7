import type { LogTeller, SentLine } from './log-lines.ts';

/** Lines that go out one by one in a burst, so that the last one before a death is there. */
const SINGLE_LINES = 100;
/** The others go together: a channel that nobody reads yet holds some 270 messages. */
const GATHERED_LINES = 20;
/** A line so long after the first one of a burst begins another one, in ms. */
const BURST_MS = 20;

export interface LogSenderOptions {
  /** False: the channel holds more than it should; `told` is called once that has gone out. */
  send(lines: readonly SentLine[], told: () => void): boolean;
  /** Of lines that are beyond what may be logged. */
  dropped(index: number, lines: number): void;
  /** Calls back at the next turn of the event loop. */
  soon(callback: () => void): void;
  /** Whether the lines that were held are kept. */
  settled(isKept: boolean): void;
  /** A clock in ms. */
  now(): number;
}

/** Sends an executor's lines to its peer, few messages for many lines. */
export interface LogSender extends LogTeller {
  /** Sends what was gathered. */
  flush(): void;
}

/** Makes a sender. It takes nothing while its channel is behind. */
export function createLogSender(options: LogSenderOptions): LogSender {
  let behind = false;
  let burstMs = Number.NEGATIVE_INFINITY;
  let sent = 0;
  let waits = false;
  let gathered: SentLine[] = [];

  function send(lines: readonly SentLine[]): void {
    behind = !options.send(lines, () => {
      behind = false;
    });
  }

  function flush(): void {
    if (gathered.length === 0) return;
    const lines = gathered;
    gathered = [];
    send(lines);
  }

  return {
    flush,
    ready: () => !behind,
    line(line) {
      const ms = options.now();
      if (ms - burstMs > BURST_MS) {
        burstMs = ms;
        sent = 0;
      }
      sent += 1;
      // Not push: user code may have changed what arrays can do.
      gathered[gathered.length] = line;
      if (sent <= SINGLE_LINES || gathered.length >= GATHERED_LINES) {
        flush();
      } else if (!waits) {
        waits = true;
        options.soon(() => {
          waits = false;
          flush();
        });
      }
    },
    settled(isKept) {
      flush();
      options.settled(isKept);
    },
    dropped(index, lines) {
      flush();
      options.dropped(index, lines);
    },
  };
}
