import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** Environment of all tests: their peers leave no word of themselves among the user's own. */
export const TEST_ENV: Record<string, string> = {
  XDG_STATE_HOME: join(tmpdir(), `meshd-tests-${userInfo().uid}`),
};
