import { MeshError } from '../core/mesh-error.ts';
import { DEFAULT_TIMING, type Timing } from '../core/timing.ts';

/** For tests alone: all peers of a mesh must be given the same. */
const VARIABLE = 'MESHD_TEST_TIME_FACTOR';

/**
 * The protocol's constants of time, times the factor in MESHD_TEST_TIME_FACTOR (0.01 … 100). Tests
 * in which minutes pass shorten them so; how long records are kept stays.
 * @throws MeshError MESH_USAGE when the variable holds something else.
 */
export function timingOf(env: NodeJS.ProcessEnv): Timing {
  const text = env[VARIABLE];
  if (text === undefined || text === '') return DEFAULT_TIMING;
  const factor = Number(text);
  if (!(factor >= 0.01 && factor <= 100)) {
    throw new MeshError('MESH_USAGE', `${VARIABLE} must be a number from 0.01 to 100, not ${text}`);
  }
  const scaled = Object.entries(DEFAULT_TIMING).map(([name, ms]) => [name, Math.ceil(ms * factor)]);
  const { keepMs } = DEFAULT_TIMING;
  return { ...(Object.fromEntries(scaled) as Record<keyof Timing, number>), keepMs };
}
