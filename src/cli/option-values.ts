import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { check } from '../core/form.ts';
import { isPeerId } from '../core/ids.ts';
import { MAX_MEMORY_BYTES, MIN_MEMORY_BYTES } from '../core/limits.ts';
import { tagForm } from '../core/needs.ts';
import { MAX_PER_HOUR } from '../core/rate.ts';
import { TIERS, type Tier } from '../work/sandbox/sandbox.ts';

const UNIT_BYTES = {
  ...{ B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 },
  ...{ MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 },
} as const;
const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A parser of whole numbers from min to max. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[-+]?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** Most slots of a peer. */
const MAX_SLOTS = 1024;

/**
 * How many commands run at once, as GNU parallel takes it: `8`, `50%` of this machine's cores, `+2`
 * and `-1` beside them, at least 1 and at most 1024; `0`, as many as there are, is 0.
 */
export function slotCount(text: string): number {
  const [, sign = '', digits, percent] = /^([-+]?)(\d{1,6})(%?)$/.exec(text) ?? [];
  const cores = availableParallelism();
  const number = Number(digits);
  const isWhole = sign === '' && percent === '';
  if (digits === undefined || (isWhole && number > MAX_SLOTS)) {
    throw new InvalidArgumentError(
      `It must be a number up to ${MAX_SLOTS}, or from the cores: 50%, +2, -1.`,
    );
  }
  if (isWhole) return number;
  const given = percent === '%' ? Math.round((cores * number) / 100) : number;
  const slots = sign === '' ? given : sign === '+' ? cores + given : cores - given;
  return Math.min(MAX_SLOTS, Math.max(1, slots));
}

export const acceptCount: (text: string) => number = wholeNumber(1, 2 ** 31);
export const candidateIndex: (text: string) => number = wholeNumber(0, Number.MAX_SAFE_INTEGER);
export const jobPriority: (text: string) => number = wholeNumber(-10, 10);

/** The ends of arguments that lose their white space. */
export function trimmedEnds(text: string): string {
  if (['n', 'l', 'r', 'lr', 'rl'].includes(text)) return text;
  throw new InvalidArgumentError('It is l, r, lr or n.');
}

/** A job's name, or the beginning of its id. */
export function jobReference(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('It is empty; give a job’s name or the beginning of its id.');
}

/** A duration with its unit, 1 ms to 10 000 days, in ms: `500ms`, `30s`, `2h`, `1h30m`. */
export function durationMs(text: string): number {
  let ms = 0;
  const rest = text.replace(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g, (_, number: string, unit: string) => {
    ms += Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS];
    return '';
  });
  const whole = Math.round(ms);
  if (rest === '' && whole >= 1 && whole <= 10_000 * UNIT_MS.d) return whole;
  throw new InvalidArgumentError('It must be a duration with its unit, such as 30s, 10m or 1h30m.');
}

/** The same in commands as of GNU parallel, where a number without its unit is seconds: `0.5`. */
export function secondsOrDurationMs(text: string): number {
  return durationMs(/^(\d+(\.\d*)?|\.\d+)$/.test(text) ? `${Number(text)}s` : text);
}

/**
 * A rate in bytes a second: `500kB`, `5MB`, `5MB/s`, or their number; 0, or 16 kB to 1000 GB. With
 * less, heartbeats would come too late.
 */
export function bytesPerSecond(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(B|kB|MB|GB)?(\/s)?$/.exec(text);
  const unit = UNIT_BYTES[(found?.[2] ?? 'B') as keyof typeof UNIT_BYTES];
  const value = found === null ? Number.NaN : Math.round(Number(found[1]) * unit);
  if (value === 0 || (value >= 16_000 && value <= 1e12)) return value;
  throw new InvalidArgumentError(
    'It must be bytes a second, 16kB or more, such as 500kB or 5MB; or 0: it relays nothing.',
  );
}

/** Candidates a second: `100/s`, `30/m`, `5/h`; from one an hour to a million a second. */
export function perSecond(text: string): number {
  const found = /^(\d+(?:\.\d+)?)\/(s|m|h)$/.exec(text);
  const unitS = { s: 1, m: 60, h: 3600 }[found?.[2] ?? ''] ?? Number.NaN;
  const perHour = Math.round((Number(found?.[1]) * 3600) / unitS);
  if (perHour >= 1 && perHour <= MAX_PER_HOUR) return perHour / 3600;
  throw new InvalidArgumentError('It must be a rate with its unit, such as 100/s, 30/m or 5/h.');
}

/** What a machine is known for, such as `gpu`. */
export function machineTag(text: string): string {
  if (!('rejected' in check(tagForm, text))) return text;
  throw new InvalidArgumentError(
    'It must have 1 to 64 printable ASCII characters, without spaces and commas, such as gpu.',
  );
}

/** An absolute path; a relative one begins at the working folder. */
export function wholePath(text: string): string {
  if (text !== '') return resolve(text);
  throw new InvalidArgumentError('It must be a path.');
}

/** A size of an output with its unit, in bytes: `500kB`, `2GB`. */
export function outputSize(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(B|[kMGT]B|[MGT]iB)$/.exec(text);
  const unit = UNIT_BYTES[(found?.[2] ?? 'B') as keyof typeof UNIT_BYTES];
  const bytes = Math.round(Number(found?.[1]) * unit);
  if (bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER) return bytes;
  throw new InvalidArgumentError('It must be a size with its unit, such as 500kB or 2GB.');
}

/** A size in GNU parallel's way: `10M` is 10 MiB, `10m` 10 MB; up to 1 GiB. Below 0: a number. */
export function blockSize(text: string): number {
  const [, digits, unit = '', binary] = /^(-?\d+(?:\.\d+)?)([kmg]?)(i?)b?$/i.exec(text) ?? [];
  const power = ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase());
  const isBinary = binary !== '' || unit !== unit.toLowerCase();
  const bytes = Math.floor(Number(digits) * (isBinary ? 1024 : 1000) ** power);
  if ((bytes >= 1 && bytes <= 2 ** 30) || (bytes < 0 && unit === '')) return bytes;
  throw new InvalidArgumentError('It must be a size up to 1G, such as 10M or 100k.');
}

/** How closely the jobs of others are held. */
export function sandboxTier(text: string): Tier {
  const found = TIERS.find((tier) => tier === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`It must be ${TIERS.join(', ')}.`);
}

/** A size of a scratch folder, in bytes: `500MB`, or their number; 1 MB or more. */
export function scratchSize(text: string): number {
  const bytes = /^\d+$/.test(text) ? Number(text) : outputSize(text);
  if (bytes >= 1e6 && bytes <= Number.MAX_SAFE_INTEGER) return bytes;
  throw new InvalidArgumentError('It must be a size from 1MB on, such as 500MB or 20GB.');
}

/** What kept files may take: `20GB`; 0: nothing but what is in use. */
export function cacheSize(text: string): number {
  return text === '0' ? 0 : outputSize(text);
}

/** A size of memory with its unit, in bytes: `512MB`, `1.5GiB`. */
export function memorySize(text: string): number {
  const found = /^(\d+(?:\.\d+)?)([MGT]i?B)$/.exec(text);
  const unit = UNIT_BYTES[(found?.[2] ?? 'MB') as keyof typeof UNIT_BYTES];
  const bytes = Math.round(Number(found?.[1]) * unit);
  if (bytes >= MIN_MEMORY_BYTES && bytes <= MAX_MEMORY_BYTES) return bytes;
  throw new InvalidArgumentError('It must be a size from 128MB on with its unit: 512MB or 4GiB.');
}

/** A share above 0 and up to 1: `1%` or `0.01`. */
export function share(text: string): number {
  const found = /^(\d+(?:\.\d+)?|\.\d+)(%?)$/.exec(text);
  const value = found ? Number(found[1]) / (found[2] === '%' ? 100 : 1) : Number.NaN;
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('It must be a share above 0 and up to 100%, such as 1% or 0.01.');
}

/** A name of 1–64 printable characters. */
export function displayName(text: string): string {
  if (text.length >= 1 && text.length <= 64 && !/\p{Cc}/u.test(text)) return text;
  throw new InvalidArgumentError('It must have 1 to 64 printable characters.');
}

/** A multiaddr with a TCP port, or of a WebSocket: `/ip4/127.0.0.1/tcp/4001`, `…/tcp/443/ws`. */
export function tcpMultiaddr(text: string): string {
  const [empty, kind = '', host = '', tcp, port = '', ...rest] = text.split('/');
  const hostFits =
    kind === 'ip4' ? isIP(host) === 4 : kind === 'ip6' ? isIP(host) === 6 : /^dns[46]?$/.test(kind);
  const portFits = /^\d{1,5}$/.test(port) && Number(port) <= 65_535;
  const restFits = rest.length === 0 || rest.join('/') === 'ws';
  const isWhole = empty === '' && hostFits && host !== '' && tcp === 'tcp';
  if (isWhole && portFits && restFits) return text;
  throw new InvalidArgumentError(
    'It must be a multiaddr such as /ip4/0.0.0.0/tcp/0, or /ip4/0.0.0.0/tcp/443/ws.',
  );
}

/** A peer's id, as `meshd peers --json` and `meshd status` show it. */
export function peerId(text: string): string {
  if (isPeerId(text)) return text;
  throw new InvalidArgumentError('It must be a peer’s whole id (12D3KooW…): see `meshd status`.');
}
