import { loadavg } from 'node:os';

/** Above it a machine is as good as stuck, and the figure says nothing more. */
const MOST = 1_000_000;

/**
 * Load average of this machine over the last minute, in hundredths, as a register tells it; null
 * on Windows, which has no such figure.
 */
export function machineLoad(): number | null {
  if (process.platform === 'win32') return null;
  return Math.min(Math.round((loadavg()[0] ?? 0) * 100), MOST);
}
