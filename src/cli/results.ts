import { exitCodeOfJob } from './exit-code.ts';
import type { FollowOptions } from './follow.ts';
import { JOB } from './job-argument.ts';
import { OUTPUT_FLAGS } from './publication-flags.ts';
import { withJob } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const results: Verb<readonly [string], FollowOptions> = {
  name: 'results',
  group: 'Jobs',
  summary: 'print the results that are final now',
  notes: 'Of a job that has ended, that is the answer, and the exit code is that of the job.',
  examples: ['meshd results pi | wc -l'],
  positionals: [JOB],
  flags: OUTPUT_FLAGS,
  async run(context, [reference], { out, summary: summaryPath }) {
    const { checkOutputs, resultSink, writeWhole } = await import('./output-file.ts');
    checkOutputs({ out, summary: summaryPath });
    return withJob(
      context,
      reference,
      async (job) => {
        const sink = resultSink(context.io, out);
        let errors = 0;
        try {
          for await (const line of job.results({ follow: false })) {
            if ('error' in line) errors++;
            await sink.write(JSON.stringify(line));
          }
        } finally {
          await sink.end();
        }
        const summary = await job.summary();
        if (summaryPath !== undefined) await writeWhole(summaryPath, summary);
        return exitCodeOfJob(summary, (await job.show()).kind, errors);
      },
      { slots: 0 },
    );
  },
};
