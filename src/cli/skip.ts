import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { shortJob } from './format.ts';
import { JOB } from './job-argument.ts';
import { candidateIndex } from './option-values.ts';
import { withJob } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const skip: Verb<readonly [string, number]> = {
  name: 'skip',
  group: 'Jobs',
  summary: 'give up one candidate that cannot be evaluated',
  notes: 'The job goes on as a successor whose answer lists the index under `skipped`.',
  examples: ['meshd skip model 4711'],
  positionals: [JOB, { name: '<index>', help: 'the candidate’s index', parse: candidateIndex }],
  flags: [],
  async run(context, [reference, index]) {
    const { id, name } = await withJob(
      context,
      reference,
      async (job) => {
        await job.skip(index);
        return job;
      },
      { slots: 0 },
    );
    print(context, `skipped ${index} of ${shortJob(id)} (${name})`, {
      event: 'skipped',
      job: id,
      index,
    });
    return EXIT.done;
  },
};
