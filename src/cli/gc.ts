import type { GcReport } from '../node/mesh.ts';
import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { formatBytes, formatCount } from './format.ts';
import { outputSize } from './option-values.ts';
import { checkHome, withMesh } from './use-mesh.ts';
import type { Verb } from './verb.ts';

interface GcFlags {
  readonly max?: number;
}

export const gc: Verb<readonly [], GcFlags> = {
  name: 'gc',
  group: 'This machine',
  summary: 'free the disk of files that commands were sent, or made',
  notes:
    'What was used longest ago goes first. What is in use stays, and what was made here and its ' +
    'publisher has not fetched. What killed runs of `run --pipe` left goes, too. A peer keeps ' +
    'them below 10 GB by itself, or what `start --cache` says; `status` has how much.',
  examples: ['meshd gc', 'meshd gc --max 1GB'],
  positionals: [],
  flags: [
    { flags: '--max <size>', help: 'keep so much, such as 1GB (default: none)', parse: outputSize },
  ],
  async run(context, _, { max = 0 }) {
    checkHome(context);
    const report = await withMesh(context, (mesh) => mesh.gc(max), { slots: 0 });
    const { freedBytes, bytes, files } = report;
    print(context, gcText(report, max), { event: 'gc', freedBytes, bytes, files });
    return EXIT.done;
  },
};

/** What was freed, and why the rest stays. */
export function gcText({ freedBytes, bytes, files }: GcReport, maxBytes: number): string {
  const freed = `${formatBytes(freedBytes)} freed`;
  if (files === 0) return `${freed}; nothing is left`;
  const some = files === 1 ? '1 file' : `${formatCount(files)} files`;
  const left = `${freed}; ${formatBytes(bytes)} are left, of ${some}`;
  if (bytes <= maxBytes) return left;
  return `${left}: in use, not fetched yet by who published, or only a note where your own file is`;
}
