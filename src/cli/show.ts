import type { Limits } from '../core/limits.ts';
import { needsText } from '../core/needs.ts';
import type { JobReport } from '../node/mesh.ts';
import type { AttemptGroup } from '../node/reports/attempt-groups.ts';
import type { ErrorGroup } from '../node/reports/error-groups.ts';
import { failureText } from '../node/reports/failure-text.ts';
import { memoryText } from '../work/memory-text.ts';
import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import {
  formatCount,
  formatSeconds,
  formatShare,
  shortPeer,
  visible,
  visibleLines,
} from './format.ts';
import { JOB } from './job-argument.ts';
import { formatPairs } from './table.ts';
import { withJob } from './use-mesh.ts';
import type { Verb } from './verb.ts';

/** Entries of a list that are shown; --json has them all. */
const SHOWN = 10;

/** Characters of a command that are shown. */
const SHOWN_COMMAND = 100;

export const show: Verb<readonly [string], { readonly errors?: true }> = {
  name: 'show',
  group: 'Jobs',
  summary: 'all that is known of a job: attempts, errors, what it waits for',
  examples: ['meshd show pi', 'meshd show pi --errors', 'meshd show 3f2a --json'],
  positionals: [JOB],
  flags: [{ flags: '--errors', help: 'the errors alone, alike ones together, with their stacks' }],
  async run(context, [reference], { errors }) {
    const report = await withJob(context, reference, (job) => job.show(), { slots: 0 });
    if (errors === true) {
      const groups = [...report.errorGroups, ...report.attemptGroups];
      print(context, errorsText(report), groups);
    } else print(context, reportText(report), report);
    return EXIT.done;
  },
};

function reportText(report: JobReport): string {
  const { accepted, target, evaluated, failed, rate } = report;
  const word = report.kind === 'map' ? 'items' : 'accepted';
  return formatPairs([
    ['job', `${report.job} (${report.name})`],
    ['status', report.status],
    [word, `${formatCount(accepted)} of ${formatCount(target)}`],
    ['evaluated', `${formatCount(evaluated)}, rate ${formatShare(rate)}`],
    ['failed', failed === 0 ? null : `${formatCount(failed)} of them`],
    ['frontier', formatCount(report.frontier)],
    ['ran', formatCount(report.ran)],
    ['seed', String(report.seed)],
    ['params', shortened(JSON.stringify(report.params))],
    ['max-evals', report.maxEvals === null ? null : formatCount(report.maxEvals)],
    ['limits', limitsText(report.limits)],
    ['needs', needsText(report.needs) || null],
    ['log-if', report.logIf === null ? null : visible(report.logIf)],
    ['rate', report.perHour === null ? null : rateText(report.perHour)],
    ['max-errors', report.maxErrors === null ? null : formatCount(report.maxErrors)],
    ['fresh', report.fresh ? 'each candidate in a process of its own' : null],
    ['why failed', report.whyFailed],
    ['priority', String(report.priority)],
    ['owner', report.owner],
    ['not here', report.notHere],
    ['computation', report.computation],
    ['program', report.program],
    ['certificate', report.certificate],
    ['predecessor', report.predecessor],
    ['successor', report.successor],
    ...failedLines('stuck', report.stuck, report),
    ...failedLines('skipped', report.skipped, report),
    ['disputed', listed(report.disputed.map(String))],
    ...lines('lease', report.leases, ({ peer, lo, hi }) => `[${lo}, ${hi}) by ${shortPeer(peer)}`),
    ...lines('attempt', report.attempts, ({ index, peer, kind, detail, limits }) => {
      const at = limitsText(limits);
      return `${index}: ${kind}, ${detail} (${shortPeer(peer)}${at === null ? '' : `, ${at}`})`;
    }),
    ...lines('error', report.errors, ({ index, name, detail }) => {
      return `${index}: ${detail.startsWith(name) ? '' : `${name}: `}${detail.split('\n')[0]}`;
    }),
    ['not known', report.unread === 0 ? null : unreadText(report.unread)],
    ...report.alarms.map((alarm) => ['alarm', alarm] as const),
  ]);
}

function errorsText({ errorGroups, attemptGroups, unread }: JobReport): string {
  const texts = [...errorGroups.map(groupText), ...attemptGroups.map(attemptsText)];
  if (texts.length === 0) texts.push('no errors');
  if (unread > 0) texts.push(unreadText(unread));
  return texts.join('\n\n');
}

function unreadText(unread: number): string {
  const results = unread === 1 ? '1 result' : `${formatCount(unread)} results`;
  return `${results} did not come to this machine: ask where they were published`;
}

function attemptsText(group: AttemptGroup): string {
  const { kind, count, candidates, detail } = group;
  const tries = count === 1 ? '1 try' : `${formatCount(count)} tries`;
  const of = candidates === 1 ? '' : `, of ${formatCount(candidates)} candidates`;
  const text = visible(failureText(kind, detail));
  return `${tries} without an outcome${of}: ${placesText(group, candidates)}\n${text}`;
}

function groupText(group: ErrorGroup): string {
  const { name, count, detail } = group;
  const text = detail.startsWith(name) ? detail : `${name}: ${detail.trimEnd()}`;
  return `${formatCount(count)} × ${placesText(group, count)}\n${visibleLines(text)}`;
}

/** Where it is, and which command the first one is. */
function placesText(
  { indices, command }: Pick<ErrorGroup, 'indices' | 'command'>,
  all: number,
): string {
  const at = `at index ${indices.join(', ')}${all > indices.length ? ', …' : ''}`;
  if (command === undefined) return at;
  const first = all === 1 ? ': ' : `; ${indices[0]}: `;
  return `${at}${first}${visible(shortened(command, SHOWN_COMMAND))}`;
}

function rateText(perHour: number): string {
  if (perHour % 3600 === 0) return `${formatCount(perHour / 3600)} a second`;
  return perHour % 60 === 0 ? `${perHour / 60} a minute` : `${formatCount(perHour)} an hour`;
}

/** Null without limits. */
function limitsText({ timeoutMs, memoryBytes }: Limits): string | null {
  const parts: string[] = [];
  if (timeoutMs !== null) parts.push(`timeout ${formatSeconds(timeoutMs / 1000)}`);
  if (memoryBytes !== null) parts.push(`memory ${memoryText(memoryBytes)}`);
  return parts.length === 0 ? null : parts.join(', ');
}

/** Indices without an outcome, each with how and where it failed. */
function failedLines(
  name: string,
  indices: readonly number[],
  { attempts }: JobReport,
): (readonly [string, string])[] {
  return lines(name, indices, (index) => {
    const tried = attempts.filter((attempt) => attempt.index === index);
    if (tried.length === 0) return `${index}: by hand`;
    const kinds = [...new Set(tried.map(({ kind }) => kind))].join(', ');
    const peers = [...new Set(tried.map(({ peer }) => shortPeer(peer)))].join(', ');
    const limits = [...new Set(tried.flatMap((each) => limitsText(each.limits) ?? []))].join('; ');
    const at = limits === '' ? '' : ` at ${limits}`;
    return `${index}: ${kinds} in ${tried.length} tries${at}, on ${peers}`;
  });
}

function listed(entries: readonly string[]): string | null {
  if (entries.length === 0) return null;
  const rest = entries.length - SHOWN;
  return entries.slice(0, SHOWN).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function lines<T>(
  name: string,
  entries: readonly T[],
  text: (entry: T) => string,
): (readonly [string, string])[] {
  const shown = entries.slice(0, SHOWN).map((entry) => [name, text(entry)] as const);
  const rest = entries.length - SHOWN;
  return rest > 0 ? [...shown, ['', `and ${rest} more (--json shows all)`]] : shown;
}

function shortened(text: string, most = 200): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
