import { pow } from './pow.ts';

/**
 * Replaces what would make a candidate differ between machines: Math.random becomes `uniform`,
 * Math.pow the one that has the same bits everywhere. Console lines go to `log`. To be called
 * before the program is imported, since libraries keep Math.random and bundles keep Math.pow.
 */
export function shadowGlobals(uniform: () => number, log: (...values: unknown[]) => void): void {
  Math.random = uniform;
  Math.pow = pow;
  for (const name of ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const) {
    console[name] = log;
  }
}
