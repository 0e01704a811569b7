import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { shortJob } from './format.ts';
import { JOB } from './job-argument.ts';
import { withJob } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const pause: Verb<readonly [string]> = {
  name: 'pause',
  group: 'Jobs',
  summary: 'start no more candidates of a job; running ones end',
  examples: ['meshd pause pi'],
  positionals: [JOB],
  flags: [],
  async run(context, [reference]) {
    const { id, name } = await withJob(
      context,
      reference,
      async (job) => {
        await job.pause();
        return job;
      },
      { slots: 0 },
    );
    print(context, `paused ${shortJob(id)} (${name})`, { event: 'paused', job: id });
    return EXIT.done;
  },
};
