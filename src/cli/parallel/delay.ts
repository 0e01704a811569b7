import { MeshError } from '../../core/mesh-error.ts';

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const MAX_MS = 10_000 * UNIT_MS.d;

/**
 * A duration as GNU parallel takes it, in ms: seconds (`0.5`) or with units, one after the other
 * (`2m3s`, `1.5H`), up to 10 000 days. That is more than setTimeout takes, 2^31 ms.
 * @throws MeshError MESH_USAGE for any other, `auto` and sums among them
 */
export function parseDelay(text: string, option = '--delay'): number {
  const ms = durationOf(text);
  if (ms !== null) return ms;
  const reason = 'it must be seconds, or a duration up to 10000d such as 0.5, 90s or 2m3s';
  throw new MeshError('MESH_USAGE', `${option} ${text}: ${reason}`);
}

/** A time limit of jobs: ms, or a share of the median time of those that succeeded; 2 is 200%. */
export type Timeout = { readonly ms: number } | { readonly share: number };

/**
 * A time limit of a job, in the form of a delay and above 0, or `200%`.
 * @throws MeshError MESH_USAGE for any other
 */
export function parseTimeout(text: string): Timeout {
  const [, percent] = /^(\d{1,6}(?:\.\d+)?)%$/.exec(text) ?? [];
  if (Number(percent) > 0) return { share: Number(percent) / 100 };
  if (text.endsWith('%')) {
    const reason = 'a share of the median time is above 0% and below 1000000%, such as 200%';
    throw new MeshError('MESH_USAGE', `--timeout ${text}: ${reason}`);
  }
  const ms = parseDelay(text, '--timeout');
  if (ms > 0) return { ms };
  throw new MeshError('MESH_USAGE', `--timeout ${text}: it must be above 0, such as 30s`);
}

/**
 * How long a block is waited for, in ms: whole seconds, 1 or more.
 * @throws MeshError MESH_USAGE for any other
 */
export function parseBlockTimeout(text: string): number {
  const seconds = Math.floor(parseDelay(text, '--block-timeout') / UNIT_MS.s);
  if (seconds >= 1) return seconds * UNIT_MS.s;
  throw new MeshError('MESH_USAGE', `--block-timeout ${text}: it must be 1 second or more`);
}

function durationOf(text: string): number | null {
  let ms = 0;
  // Only the last number may be without a unit: seconds.
  const rest = text.replace(
    /(\d+(?:\.\d+)?|\.\d+)([smhd]|$)/gi,
    (_, number: string, unit: string) => {
      ms += Number(number) * UNIT_MS[(unit.toLowerCase() || 's') as keyof typeof UNIT_MS];
      return '';
    },
  );
  const whole = Math.round(ms);
  return text !== '' && rest === '' && whole <= MAX_MS ? whole : null;
}
