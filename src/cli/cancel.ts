import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { shortJob } from './format.ts';
import { JOB } from './job-argument.ts';
import { withJob } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const cancel: Verb<readonly [string], { readonly wait?: boolean }> = {
  name: 'cancel',
  group: 'Jobs',
  summary: 'end a job everywhere; what is final stays readable',
  examples: ['meshd cancel pi', 'meshd cancel pi --wait'],
  positionals: [JOB],
  flags: [
    { flags: '--wait', help: 'let running candidates end (default: they are killed after 5 s)' },
  ],
  async run(context, [reference], { wait = false }) {
    const { id, name } = await withJob(
      context,
      reference,
      async (job) => {
        await job.cancel({ wait });
        return job;
      },
      { slots: 0 },
    );
    print(context, `cancelled ${shortJob(id)} (${name})`, { event: 'cancelled', job: id });
    return EXIT.done;
  },
};
