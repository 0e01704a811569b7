import type { LogLevel } from '../../core/log-line.ts';
import { pow } from './pow.ts';

/**
 * Replaces what would make a candidate differ between machines: Math.random becomes `uniform`,
 * Math.pow the one that has the same bits everywhere. Console lines go to the log. To be called
 * before the program is imported, since libraries keep Math.random and bundles keep Math.pow.
 */
export function shadowGlobals(
  uniform: () => number,
  log: (level: LogLevel) => (...values: unknown[]) => void,
): void {
  Math.random = uniform;
  Math.pow = pow;
  for (const name of ['debug', 'error', 'info', 'warn'] as const) console[name] = log(name);
  console.log = console.info;
  console.trace = console.debug;
}
