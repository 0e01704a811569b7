import { InvalidArgumentError } from 'commander';
import type { Rotation } from '../node/admission/admission.ts';
import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { withRunningPeer } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const secret: Verb<readonly ['rotate']> = {
  name: 'secret',
  group: 'This machine',
  summary: 'replace the mesh secret; invites handed out before are void',
  notes:
    'Members that run get the new secret at once, from one another, and no job stops. One that ' +
    'this machine was connected to within a day gets it when it comes back within a day; a ' +
    'machine that was off for longer joins again, on the same home: `meshd join` with a new ' +
    'invite.',
  examples: ['meshd secret rotate'],
  positionals: [{ name: '<action>', help: 'rotate', parse: rotateOnly, complete: ['rotate'] }],
  flags: [],
  async run(context) {
    const rotation = await withRunningPeer(context, (mesh) => mesh.admission.rotate());
    print(context, rotationText(rotation), { event: 'rotated', ...rotation });
    return EXIT.done;
  },
};

/** What became of a rotation, in words. */
export function rotationText({ generation, moved, waiting }: Rotation): string {
  const waits =
    waiting.length === 0 ? '' : `; ${waiting.length} not reached yet: they get it within a day`;
  const have =
    moved.length === 1 ? '1 other member has it' : `${moved.length} other members have it`;
  return `the mesh has its secret number ${generation + 1}: ${have}${waits}`;
}

function rotateOnly(text: string): 'rotate' {
  if (text === 'rotate') return text;
  throw new InvalidArgumentError('It must be rotate.');
}
