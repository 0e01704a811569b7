import { droppedLine, type LogLine } from '../core/log-line.ts';
import type { SentLine } from './candidate/log-lines.ts';

/** Where the log of one computation's candidates goes. */
export interface WorkLog {
  line(line: LogLine): void;
  /** Lines of this candidate, or of it and later ones, that were beyond what may be logged. */
  dropped(index: number | null, lines: number): void;
  /** Something that is to be said once of the computation. */
  notice(text: string): void;
}

/** Nobody's log. */
export const UNHEARD: WorkLog = {
  line: () => undefined,
  dropped: () => undefined,
  notice: () => undefined,
};

/** A log that only keeps its lines, no more of them than so many, and tells those. */
export function lineKeeper(most: number, lines: LogLine[], tell: (line: LogLine) => void): WorkLog {
  return {
    line(line) {
      if (lines.length >= most) return;
      lines.push(line);
      tell(line);
    },
    dropped(index, count) {
      this.line(droppedLine(Date.now(), index, count));
    },
    notice: () => undefined,
  };
}

/** A line as an executor tells it: there −1 stands for no candidate. */
export function fromExecutor({ timeMs, index, level, text }: SentLine): LogLine {
  return { timeMs, index: ownIndex(index), level, text };
}

/** The candidate, or null outside of one. */
export function ownIndex(index: number): number | null {
  return index < 0 ? null : index;
}
