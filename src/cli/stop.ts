import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { withRunningPeer } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const stop: Verb = {
  name: 'stop',
  group: 'This machine',
  summary: 'end the running peer; membership and jobs are kept',
  examples: ['meshd stop'],
  positionals: [],
  flags: [],
  async run(context) {
    await withRunningPeer(context, (mesh) => mesh.stop());
    print(context, 'stopped', { event: 'stopped' });
    return EXIT.done;
  },
};
