import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { shortJob } from './format.ts';
import { JOB } from './job-argument.ts';
import { withJob } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const resume: Verb<readonly [string]> = {
  name: 'resume',
  group: 'Jobs',
  summary: 'go on with a paused job',
  examples: ['meshd resume pi'],
  positionals: [JOB],
  flags: [],
  async run(context, [reference]) {
    const { id, name } = await withJob(
      context,
      reference,
      async (job) => {
        await job.resume();
        return job;
      },
      { slots: 0 },
    );
    print(context, `resumed ${shortJob(id)} (${name})`, { event: 'resumed', job: id });
    return EXIT.done;
  },
};
