import type { VerifyReport } from '../node/mesh.ts';
import { interruptSignal, print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { formatCount } from './format.ts';
import { JOB } from './job-argument.ts';
import { share } from './option-values.ts';
import { withJob } from './use-mesh.ts';
import type { Verb } from './verb.ts';

/** Differences that are shown; --json has them all. */
const SHOWN = 20;

export const verify: Verb<readonly [string], { readonly sample?: number }> = {
  name: 'verify',
  group: 'Jobs',
  summary: 'evaluate a sample of an answer again and compare',
  notes: 'Exit code 1 when an index has another outcome now: then the function is not pure.',
  examples: ['meshd verify model', 'meshd verify model --sample 10%'],
  positionals: [JOB],
  flags: [{ flags: '--sample <share>', help: 'share of the answer (default: 1%)', parse: share }],
  async run(context, [reference], { sample = 0.01 }) {
    const { signal, release } = interruptSignal(context.io);
    try {
      const verified = withJob(context, reference, (job) => job.verify({ sample, signal }));
      const report = await verified;
      print(context, verifyText(report), report);
      return report.different.length > 0 ? EXIT.failed : EXIT.done;
    } catch (error) {
      if (signal.aborted) return EXIT.interrupted;
      throw error;
    } finally {
      release();
    }
  },
};

function verifyText({ checked, equal, different }: VerifyReport): string {
  const lines = different
    .slice(0, SHOWN)
    .map(({ index, known, now }) => `${index}: known ${known}, now ${now}`);
  const rest = different.length - SHOWN;
  if (rest > 0) lines.push(`and ${formatCount(rest)} more (--json shows all)`);
  return [`${formatCount(equal)} of ${formatCount(checked)} equal`, ...lines].join('\n');
}
