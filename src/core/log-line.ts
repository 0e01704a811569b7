/** Levels of what candidates log, the least first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** The longest text of a line, in bytes. */
export const MAX_LOG_TEXT_BYTES = 2048;

/** One thing that a candidate logged. */
export interface LogLine {
  /** By the clock of the machine that ran it, ms since 1970. */
  readonly timeMs: number;
  /** The candidate; null: no candidate's own (import, setup, teardown, what was dropped). */
  readonly index: number | null;
  readonly level: LogLevel;
  /** At most MAX_LOG_TEXT_BYTES; it may have line feeds. */
  readonly text: string;
}

/** Says whether something is the name of a level. */
export function isLogLevel(value: unknown): value is LogLevel {
  return LOG_LEVELS.some((level) => level === value);
}

/** Says whether a level is not below another one. */
export function isAtLeast(level: LogLevel, least: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least);
}

/** How a person is told of lines that are not there. */
export function droppedLine(timeMs: number, index: number | null, lines: number): LogLine {
  const text = `… ${lines} ${lines === 1 ? 'line' : 'lines'} dropped`;
  return { timeMs, index, level: 'info', text };
}
