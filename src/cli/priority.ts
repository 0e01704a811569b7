import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { shortJob } from './format.ts';
import { JOB } from './job-argument.ts';
import { jobPriority } from './option-values.ts';
import { withJob } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const priority: Verb<readonly [string, number]> = {
  name: 'priority',
  group: 'Jobs',
  summary: 'set how large a job’s share of the slots is; one more doubles it',
  examples: ['meshd priority pi 3', 'meshd priority pi -2'],
  positionals: [JOB, { name: '<p>', help: '-10 to 10', parse: jobPriority }],
  flags: [],
  async run(context, [reference, value]) {
    const { id, name } = await withJob(
      context,
      reference,
      async (job) => {
        await job.priority(value);
        return job;
      },
      { slots: 0 },
    );
    print(context, `priority ${value} for ${shortJob(id)} (${name})`, {
      event: 'priority',
      job: id,
      priority: value,
    });
    return EXIT.done;
  },
};
