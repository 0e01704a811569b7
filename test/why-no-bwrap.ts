import { probeTiers } from '../src/work/sandbox/tiers.ts';

const { bwrap, permission } = await probeTiers();
for (const why of [bwrap, permission]) if (why !== null) console.log(`skipped: ${why}`);

/** Whether executors can be held by bubblewrap here; where they cannot, that is said. */
export const hasBwrap: boolean = bwrap === null;

/** Whether they can be held by Node's permission model. */
export const hasPermission: boolean = permission === null;
