import { NO_LIMITS } from '../../src/core/limits.ts';
import type { Manifest } from '../../src/core/manifest.ts';

/** What a manifest asks for besides its question, when nothing is asked for. */
export const PLAIN_TERMS: Pick<
  Manifest,
  'priority' | 'limits' | 'maxErrors' | 'fresh' | 'publishedAt' | 'deadlineAt' | 'root' | 'sources'
> = {
  ...{ priority: 0, limits: NO_LIMITS, maxErrors: null, fresh: false },
  ...{ publishedAt: 0, deadlineAt: null, root: null, sources: null },
};
