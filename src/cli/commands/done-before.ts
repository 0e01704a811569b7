import { existsSync } from 'node:fs';
import { MeshError } from '../../core/mesh-error.ts';
import { readJobLog } from '../parallel/job-log.ts';
import { resultPaths } from '../parallel/results-folder.ts';
import { tableForm } from '../parallel/results-table.ts';
import type { CommandFlags } from './flags.ts';
import { placesOf } from './places.ts';

/**
 * What says whether --resume or --resume-failed leave a command out: by the job log, read now, or
 * by the folder of results. @throws MeshError MESH_USAGE
 */
export function doneBefore(
  flags: CommandFlags,
  columns: readonly string[],
): (seq: number, args: readonly string[]) => boolean {
  const { joblog, resume, resumeFailed, results } = flags;
  if (resume !== true && resumeFailed !== true) return () => false;
  if (joblog === undefined) {
    // Of the files of a command stderr is written last.
    if (resumeFailed !== true && results !== undefined && tableForm(results) === null) {
      const places = placesOf(flags, columns);
      return (seq, args) => existsSync(resultPaths(results, args, seq, places).stderr);
    }
    const flag = resumeFailed === true ? '--resume-failed' : '--resume';
    const folder = resumeFailed === true ? '' : ', or --results DIR';
    const text = `${flag} needs --joblog FILE, the log to go on with${folder}`;
    throw new MeshError('MESH_USAGE', text);
  }
  const log = readJobLog(joblog);
  return (seq) => {
    const entry = log.get(seq);
    if (entry === undefined) return false;
    return resumeFailed !== true || (entry.exit === 0 && entry.signal === 0);
  };
}
