import { NO_LIMITS } from '../../src/core/limits.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import { NO_NEEDS } from '../../src/core/needs.ts';

/** What a manifest asks for besides its question, when nothing is asked for. */
export const PLAIN_TERMS: Pick<
  Manifest,
  | 'priority'
  | 'limits'
  | 'needs'
  | 'perHour'
  | 'maxErrors'
  | 'fresh'
  | 'publishedAt'
  | 'deadlineAt'
  | 'root'
  | 'sources'
  | 'logIf'
> = {
  ...{ priority: 0, limits: NO_LIMITS, maxErrors: null, fresh: false },
  ...{ needs: NO_NEEDS, perHour: null },
  ...{ publishedAt: 0, deadlineAt: null, root: null, sources: null, logIf: null },
};
