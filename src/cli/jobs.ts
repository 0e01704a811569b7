import type { JobRow } from '../node/mesh.ts';
import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { formatCount, formatShare, shortJob, visible } from './format.ts';
import { formatTable, type TableColumn } from './table.ts';
import { checkHome, withMesh } from './use-mesh.ts';
import type { Verb } from './verb.ts';

const COLUMNS: readonly TableColumn<JobRow>[] = [
  { title: 'JOB', text: ({ job }) => shortJob(job) },
  { title: 'NAME', text: ({ name }) => name },
  { title: 'STATUS', text: ({ status }) => status },
  {
    title: 'DONE',
    text: ({ accepted, target }) => `${formatCount(accepted)}/${formatCount(target)}`,
    right: true,
  },
  { title: 'FAILED', text: ({ failed }) => formatCount(failed), right: true },
  { title: 'EVALUATED', text: ({ evaluated }) => formatCount(evaluated), right: true },
  { title: 'RATE', text: ({ rate }) => formatShare(rate), right: true },
  { title: 'PRIORITY', text: ({ priority }) => String(priority), right: true },
  { title: 'PEERS', text: ({ peers }) => String(peers), right: true },
];

export const jobs: Verb = {
  name: 'jobs',
  group: 'Jobs',
  summary: 'the jobs of the mesh',
  examples: ['meshd jobs', 'meshd jobs --json   # one object a line'],
  positionals: [],
  flags: [],
  async run(context) {
    checkHome(context);
    const rows = await withMesh(context, (mesh) => mesh.jobs(), { slots: 0 });
    if (context.json) for (const row of rows) print(context, '', row);
    else print(context, rows.length === 0 ? 'no jobs' : table(rows), null);
    return EXIT.done;
  },
};

/** The table, and below it why this machine does not work on some of them. */
function table(rows: readonly JobRow[]): string {
  const reasons = rows.flatMap(({ job, name, notHere }) =>
    notHere === null ? [] : [`${visible(name)} (${shortJob(job)}) does not run here: ${notHere}`],
  );
  return [formatTable(COLUMNS, rows), ...reasons].join('\n');
}
