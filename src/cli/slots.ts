import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { wholeNumber } from './option-values.ts';
import { withRunningPeer } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const slots: Verb<readonly [number]> = {
  name: 'slots',
  group: 'This machine',
  summary: 'change how many executors the running peer has',
  notes:
    'With fewer, what runs beyond them ends after the candidates in hand; with 0 this machine ' +
    'evaluates nothing. It holds until the peer ends: then --slots of `start` and `join` counts.',
  examples: ['meshd slots 2', 'meshd slots 0   # leave this machine alone for a while'],
  positionals: [{ name: '<n>', help: '0 to 1024', parse: wholeNumber(0, 1024) }],
  flags: [],
  async run(context, [count]) {
    await withRunningPeer(context, (mesh) => mesh.slots(count));
    print(context, `slots: ${count}`, { event: 'slots', slots: count });
    return EXIT.done;
  },
};
