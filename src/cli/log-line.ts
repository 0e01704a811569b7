import type { PeerOptions } from '../node/peer.ts';
import type { Context } from './context.ts';
import { shortJob, shortPeer, visible } from './format.ts';

const LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LEVELS)[number];

/**
 * Writes log lines to stderr down to a level: `event key=value …`, or JSON with --json. MESHD_LOG
 * (error, warn, info, debug) overrides the level.
 */
export function logTo(context: Context, level: LogLevel): NonNullable<PeerOptions['onLog']> {
  const { stderr, env } = context.io;
  const wanted = LEVELS.find((each) => each === env['MESHD_LOG']) ?? level;
  const last = LEVELS.indexOf(wanted);
  return (at, event, fields) => {
    if (LEVELS.indexOf(at) > last) return;
    const line = context.json
      ? JSON.stringify({ time: new Date().toISOString(), level: at, event, ...fields })
      : logText(at, event, fields);
    stderr.write(`${line}\n`);
  };
}

function logText(level: LogLevel, event: string, fields: object): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${fieldText(value)}`);
  const mark = level === 'error' || level === 'warn' ? `${level}: ` : '';
  return visible(`${mark}${event}${pairs.join('')}`);
}

function fieldText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  if (/^[0-9a-f]{64}$/.test(text)) return shortJob(text);
  if (/^12D3Koo\w{40,}$/.test(text)) return shortPeer(text);
  return typeof value === 'string' && /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}
