import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { withRunningPeer } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const invite: Verb = {
  name: 'invite',
  group: 'This machine',
  summary: 'print the one line to hand to the next machine',
  notes:
    'It holds the mesh secret: whoever has it can join. `meshd join` takes it. ' +
    'An invite cannot be revoked by itself: `meshd secret rotate` makes all of them void.',
  examples: ['meshd invite', 'ssh other meshd join "$(meshd invite)"'],
  positionals: [],
  flags: [],
  async run(context) {
    const line = await withRunningPeer(context, (mesh) => mesh.invite());
    print(context, line, { invite: line });
    return EXIT.done;
  },
};
