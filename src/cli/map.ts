import { warn } from './context.ts';
import { FUNCTION, PUBLICATION_FLAGS, type PublicationFlags } from './publication-flags.ts';
import type { Verb } from './verb.ts';

interface MapFlags extends PublicationFlags {
  readonly items: string;
}

export const map: Verb<readonly [string | undefined], MapFlags> = {
  name: 'map',
  group: 'Publishing',
  summary: 'evaluate a function once for each line of a file',
  notes:
    'Each line of --items is the `item` of one candidate. If every line parses as JSON, items ' +
    'are those JSON values; else every line is a text as it stands. Empty lines are left out. ' +
    'An item whose function throws gives {"index":…,"error":…} and exit code 1.',
  examples: [
    'meshd map square.js --items numbers.txt',
    'ls *.csv | meshd map summarize.ts --items - --out sums.ndjson',
  ],
  positionals: [FUNCTION],
  flags: [
    {
      flags: '--items <file>',
      help: 'one item a line; - reads stdin',
      complete: 'file',
      required: true,
    },
    ...PUBLICATION_FLAGS,
  ],
  async run(context, [fn], { items: source, ...flags }) {
    const { readItems } = await import('./items.ts');
    const items = await readItems(source, context.io.stdin, (line) => warn(context, line));
    const { publication } = await import('./publication.ts');
    return publication(context, { fn, items, itemsFile: source }, flags);
  },
};
