import type { FollowOptions } from './follow.ts';
import { JOB } from './job-argument.ts';
import { OUTPUT_FLAGS } from './publication-flags.ts';
import { withJob } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const attach: Verb<readonly [string], FollowOptions> = {
  name: 'attach',
  group: 'Jobs',
  summary: 'print a job’s results from the start and follow it to its end',
  examples: ['meshd attach 3f2a > answer.ndjson'],
  positionals: [JOB],
  flags: OUTPUT_FLAGS,
  async run(context, [reference], options) {
    const { checkOutputs } = await import('./output-file.ts');
    checkOutputs(options);
    const { follow } = await import('./follow.ts');
    return withJob(context, reference, (job, mesh) => follow(context, mesh, job, options));
  },
};
