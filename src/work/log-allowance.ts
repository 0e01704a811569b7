import type { LogLine } from '../core/log-line.ts';
import type { WorkLog } from './work-log.ts';

/** What an executor may log at once, and then in each second: far above what it allows itself. */
const BURST_LINES = 10_000;
const LINES_PER_SECOND = 1000;
/** What is to be said once of a computation. */
const MOST_NOTICES = 16;

/**
 * The log of one executor, within what the peer allows: user code that has taken it over is not to
 * fill the peer with lines. What is beyond is counted, and told when there is room again.
 */
export function allowedLog(log: WorkLog, now: () => number): WorkLog {
  let room = BURST_LINES;
  let filledMs = now();
  let dropped = 0;
  let notices = 0;

  function hasRoom(): boolean {
    const atMs = now();
    room = Math.min(BURST_LINES, room + ((atMs - filledMs) / 1000) * LINES_PER_SECOND);
    filledMs = atMs;
    if (room < 1) return false;
    room -= 1;
    if (dropped > 0) log.dropped(null, dropped);
    dropped = 0;
    return true;
  }

  return {
    line(line: LogLine) {
      if (hasRoom()) log.line(line);
      else dropped += 1;
    },
    dropped(index, lines) {
      if (hasRoom()) log.dropped(index, lines);
      else dropped += lines;
    },
    notice(text) {
      notices += 1;
      if (notices <= MOST_NOTICES) log.notice(text);
    },
  };
}
