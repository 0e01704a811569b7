import { acceptCount } from './option-values.ts';
import { FUNCTION, PUBLICATION_FLAGS, type PublicationFlags } from './publication-flags.ts';
import type { Verb } from './verb.ts';

interface PublishFlags extends PublicationFlags {
  readonly accept: number;
}

export const publish: Verb<readonly [string | undefined], PublishFlags> = {
  name: 'publish',
  group: 'Publishing',
  summary: 'evaluate a function until N candidates are accepted',
  notes:
    'The answer is the first N accepted candidates in index order, the same bits on any mesh. ' +
    'Lines {"index":…,"value":…} come as they become final. With no peer running on this home ' +
    'the job is done inside this command and kept on disk. Ctrl-C detaches; the same command ' +
    'continues.',
  examples: [
    'meshd publish examples/pi.js --accept 1000 > answer.ndjson',
    'meshd publish model.ts --accept 500 --seed 7 --params @prior.json --summary summary.json',
    'meshd publish model.ts --accept 100000 --detach',
    "meshd publish --exec 'python3 model.py' --accept 1000",
  ],
  positionals: [FUNCTION],
  flags: [
    {
      flags: '--accept <n>',
      help: 'how many accepted candidates: 1 to 2^31',
      parse: acceptCount,
      required: true,
    },
    ...PUBLICATION_FLAGS,
  ],
  async run(context, [fn], { accept, ...flags }) {
    const { publication } = await import('./publication.ts');
    return publication(context, { fn, accept }, flags);
  },
};
