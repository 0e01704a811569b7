import type { Rerun } from '../work/workforce.ts';
import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { formatSeconds, visible, visibleLines } from './format.ts';
import { JOB } from './job-argument.ts';
import { candidateIndex } from './option-values.ts';
import { withJob } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const rerun: Verb<readonly [string, number]> = {
  name: 'rerun',
  group: 'Jobs',
  summary: 'evaluate one candidate again, here, with its log',
  examples: ['meshd rerun model 4711'],
  positionals: [JOB, { name: '<index>', help: 'the candidate’s index', parse: candidateIndex }],
  flags: [],
  async run(context, [reference, index]) {
    const report = await withJob(context, reference, (job) => job.rerun(index));
    print(context, rerunText(report), rerunJson(report));
    return report.outcome.kind === 'failed' ? EXIT.failed : EXIT.done;
  },
};

/** The value as a value, as everywhere else. */
function rerunJson({ outcome, ...report }: Rerun): object {
  if (outcome.kind !== 'accepted') return { ...report, outcome };
  const value: unknown = JSON.parse(outcome.text);
  return { ...report, outcome: { kind: outcome.kind, value } };
}

function rerunText({ index, outcome, log, ms }: Rerun): string {
  const logged = log.map((line) => `log  ${visible(line)}\n`).join('');
  const [first, ...rest] = outcomeText(outcome).split('\n');
  const head = `${index}: ${first} (${formatSeconds(ms / 1000)})`;
  return `${logged}${[head, ...rest].join('\n')}`;
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
