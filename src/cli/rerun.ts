import type { TraceEvent } from '../node/jobs/job-trace.ts';
import type { Job } from '../node/mesh.ts';
import type { CommandValue } from '../node/reports/command-result.ts';
import type { Rerun } from '../work/workforce.ts';
import { type Context, interruptSignal, print, tell } from './context.ts';
import { EXIT } from './exit-code.ts';
import { formatBytes, formatCount, formatSeconds, visible, visibleLines } from './format.ts';
import { JOB } from './job-argument.ts';
import { candidateIndex } from './option-values.ts';
import { withJob } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const rerun: Verb<readonly [string, number], { readonly trace?: true }> = {
  name: 'rerun',
  group: 'Jobs',
  summary: 'evaluate one candidate again, here, with its log',
  notes:
    'Its inputs and its random numbers are the same; what it comes to counts for nothing. With ' +
    '--trace the log comes as it is written, with each draw (the first 10 000), and at the end ' +
    'the memory, the time and the whole stack of an error. Draws are numbered by the doubles of ' +
    'the candidate’s stream. A command of `meshd run` is run again, in its folder on this ' +
    'machine, and so does again what it does to files; its output is printed, and the exit code ' +
    'is 1 if it fails.',
  examples: ['meshd rerun model 4711', 'meshd rerun model 4711 --trace'],
  positionals: [JOB, { name: '<index>', help: 'the candidate’s index', parse: candidateIndex }],
  flags: [{ flags: '--trace', help: 'tell the log, the draws, the memory and the whole stack' }],
  run(context, [reference, index], { trace }) {
    return withJob(context, reference, async (job) => {
      const { signal, release } = interruptSignal(context.io);
      try {
        const told = trace === true ? await traced(context, job, index, signal) : null;
        const report = told ?? (await job.rerun(index, { signal }));
        const command = await commandOf(job, report);
        if (command !== null && !context.json) return await commandEnd(context, report, command);
        if (told === null) print(context, rerunText(report), rerunJson(report));
        else print(context, outcomeLine(report), { kind: 'end', ...rerunJson(report) });
        return report.outcome.kind === 'failed' ? EXIT.failed : EXIT.done;
      } catch (error) {
        if (signal.aborted) return EXIT.interrupted;
        throw error;
      } finally {
        release();
      }
    });
  },
};

/** Prints what happens in a candidate; returns how it ended. */
async function traced(
  context: Context,
  job: Job,
  index: number,
  signal: AbortSignal,
): Promise<Rerun | null> {
  for await (const event of job.trace(index, { signal })) {
    if (event.kind === 'end') return event.rerun;
    print(context, eventText(event), event);
  }
  return null;
}

/** A line of `--trace`. */
export function eventText(event: Exclude<TraceEvent, { kind: 'end' }>): string {
  switch (event.kind) {
    case 'log':
      return `log    ${event.level} ${visible(event.text)}`;
    case 'draw': {
      const { call, first, count, value } = event;
      const last = first + count - 1;
      const where = count === 0 ? '-' : count === 1 ? `${first}` : `${first}–${last}`;
      return `draw   ${where} ${visible(call)} ${value}`;
    }
    case 'usage': {
      const { drawn, residentBytes, cpuMs } = event;
      const cpu = `${formatSeconds(cpuMs / 1000)} of processor time`;
      const took = `${formatBytes(residentBytes)}, ${cpu}`;
      if (drawn === null) return `took   ${took} beside the command’s own; a command has no draws`;
      const doubles = drawn === 1 ? '1 double' : `${formatCount(drawn)} doubles`;
      return `took   ${doubles} of its stream, ${took}`;
    }
  }
}

/** What a command left, or null of a function's candidate. */
async function commandOf(job: Job, { outcome }: Rerun): Promise<CommandValue | null> {
  if (outcome.kind !== 'accepted' || !(await job.show()).commands) return null;
  return JSON.parse(outcome.text) as CommandValue;
}

/** Prints what a command wrote, each to where it wrote it, and tells how it ended. */
async function commandEnd(context: Context, report: Rerun, value: CommandValue): Promise<number> {
  const { OutputWriter } = await import('./commands/writer.ts');
  const { failureOf, hasSucceeded } = await import('../node/reports/command-result.ts');
  await new OutputWriter(context.io, { tag: null }).write(report.index + 1, [], value);
  const isDone = hasSucceeded(value);
  const how = isDone ? 'done' : failureOf(value);
  const took = formatSeconds(value.seconds);
  const text = `${report.index}: ${how} (${took}); this run counts for nothing`;
  tell(context, text, {});
  return isDone ? EXIT.done : EXIT.failed;
}

/** The value as a value, as everywhere else. */
function rerunJson({ outcome, ...report }: Rerun): object {
  if (outcome.kind !== 'accepted') return { ...report, outcome };
  const value: unknown = JSON.parse(outcome.text);
  return { ...report, outcome: { kind: outcome.kind, value } };
}

function rerunText(report: Rerun): string {
  const logged = report.log.map((line) => `log  ${visible(line)}\n`).join('');
  return `${logged}${outcomeLine(report)}`;
}

function outcomeLine({ index, outcome, ms }: Rerun): string {
  const [first, ...rest] = outcomeText(outcome).split('\n');
  return [`${index}: ${first} (${formatSeconds(ms / 1000)})`, ...rest].join('\n');
}

function outcomeText(outcome: Rerun['outcome']): string {
  switch (outcome.kind) {
    case 'accepted':
      return `accepted ${outcome.text}`;
    case 'rejected':
      return 'rejected';
    case 'error':
      return `error ${visible(outcome.name)}\n${visibleLines(outcome.detail)}`;
    case 'failed':
      return `no outcome: ${outcome.failure.kind}, ${visible(outcome.failure.detail)}`;
  }
}
