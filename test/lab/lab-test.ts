import { afterEach, test } from 'vitest';
import { whyNoLab } from '../../scripts/netlab/permission.ts';
import { closeAll } from './mesh-lab.ts';

const why = await whyNoLab();
if (why !== null) console.log(why);

/** Says whether networks can be made here. */
export const isPermitted: boolean = why === null;

/** A test on machines of its own; where these cannot be made it is skipped, and that is said. */
export const labTest: ReturnType<typeof test.runIf> = test.runIf(isPermitted);

// A test that is out of time does not come to its own end, and its peers would run on.
afterEach(closeAll);
