import type { PeerOptions } from '../node/peer.ts';
import { failureText } from '../node/reports/failure-text.ts';
import { withoutNumbers } from '../node/reports/without-numbers.ts';
import { type Context, warn } from './context.ts';
import { shortJob, shortPeer, visible } from './format.ts';

const LEVELS = ['error', 'warn', 'info', 'debug'] as const;

/** Events that may come for index after index: told once for each cause, but at debug. */
const ONCE = new Set(['candidate.failed', 'outcome.disputed', 'certificate.disputed']);

/** Causes of such events that one process tells. */
const MOST_CAUSES = 100;

export type LogLevel = (typeof LEVELS)[number];

/**
 * Writes log lines to stderr down to a level: `event key=value …`, or JSON with --json. MESHD_LOG
 * (error, warn, info, debug) overrides the level. What comes for index after index is told once
 * for each cause.
 */
export function logTo(context: Context, level: LogLevel): NonNullable<PeerOptions['onLog']> {
  const { stderr, env } = context.io;
  const wanted = LEVELS.find((each) => each === env['MESHD_LOG']) ?? level;
  const last = LEVELS.indexOf(wanted);
  const isNews = wanted === 'debug' ? (): boolean => true : firstOfEach();
  return (at, event, fields) => {
    if (LEVELS.indexOf(at) > last) return;
    const failed = event === 'candidate.failed' ? (fields as CandidateFailed) : null;
    if (ONCE.has(event) && !isNews({ event, ...fields })) return;
    if (failed !== null && level === 'warn' && !context.json) return warn(context, wordsOf(failed));
    if (event === LEFT_OUT && !context.json) return warn(context, leftOut(fields as LeftOut));
    const line = context.json
      ? JSON.stringify({ time: new Date().toISOString(), level: at, event, ...fields })
      : logText(at, event, fields);
    stderr.write(`${line}\n`);
  };
}

/** The answer of a job is that of a successor, which asks for it without the stuck candidates. */
const LEFT_OUT = 'job.successor';

/** Fields of that event. */
interface LeftOut {
  readonly job: string;
  readonly successor: string;
  readonly skipped: number;
}

function leftOut({ job, successor, skipped }: LeftOut): string {
  const what = skipped === 1 ? '1 candidate that was' : `${skipped} candidates that were`;
  const whose = `the answer is its successor’s, ${shortJob(successor)}`;
  return `job ${shortJob(job)} ends without ${what} stuck or skipped: ${whose}`;
}

/** Fields of the event `candidate.failed`. */
interface CandidateFailed {
  readonly computation: string;
  readonly index: number;
  readonly kind: string;
  readonly detail: string;
}

/** What is told of an event that may come for index after index. */
interface Repeated {
  readonly event: string;
  readonly computation?: string;
  readonly job?: string;
  readonly kind?: string;
  readonly detail?: string;
}

/** Says of an event whether it is the first of its cause: of so many causes, no more are told. */
function firstOfEach(): (repeated: Repeated) => boolean {
  const told = new Set<string>();
  return ({ event, computation = '', job = '', kind = '', detail = '' }) => {
    const cause = [event, computation, job, kind, withoutNumbers(detail)].join(' ');
    if (told.has(cause) || told.size >= MOST_CAUSES) return false;
    told.add(cause);
    return true;
  };
}

function wordsOf({ index, kind, detail }: CandidateFailed): string {
  return `candidate ${index} came to no outcome: ${failureText(kind, detail)} (told once)`;
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
