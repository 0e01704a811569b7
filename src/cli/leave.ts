import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { checkHome, withMesh } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const leave: Verb = {
  name: 'leave',
  group: 'This machine',
  summary: 'let running candidates end, tell the others, forget the mesh and end the peer',
  examples: ['meshd leave'],
  positionals: [],
  flags: [],
  async run(context) {
    checkHome(context);
    await withMesh(context, (mesh) => mesh.leave(), { slots: 0 });
    print(context, 'left the mesh', { event: 'left' });
    return EXIT.done;
  },
};
