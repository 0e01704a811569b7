import { existsSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { isPeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import { type Context, print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { checkHome } from './use-mesh.ts';
import type { Verb } from './verb.ts';

const ACTIONS = ['add', 'remove', 'list'] as const;
type Action = (typeof ACTIONS)[number];

export const trust: Verb<readonly [Action, (readonly string[])?]> = {
  name: 'trust',
  group: 'This machine',
  summary: 'whose jobs this machine runs',
  notes:
    'PEER is a peer’s id, or its name where a peer runs on this home. As long as the list is ' +
    'empty, the jobs of all members run here. Jobs published on this machine always do; with ' +
    'its own id alone in the list, nothing else does. The list is kept, and changes at once.',
  examples: [
    'meshd trust add 12D3KooWQ…',
    'meshd trust list',
    'meshd trust remove 12D3KooWQ…',
    'meshd join meshd1AGd… --trust 12D3KooWQ…      # from the first moment on',
  ],
  positionals: [
    { name: '<action>', help: ACTIONS.join(', '), parse: action, complete: ACTIONS },
    { name: '[peers...]', help: 'ids or names' },
  ],
  flags: [],
  async run(context, [what, peers = []]) {
    if ((what === 'list') !== (peers.length === 0)) throw usage(what);
    const list = await listAfter(context, what, peers);
    print(context, listText(list), { trusted: list });
    return EXIT.done;
  },
};

/** Through the running peer, else in the home itself. */
async function listAfter(
  context: Context,
  what: Action,
  peers: readonly string[],
): Promise<readonly string[]> {
  const { connectControl } = await import('../control/client.ts');
  if (existsSync(context.home)) {
    const mesh = await connectControl(context.home);
    if (mesh !== null) {
      return what === 'list' ? mesh.admission.trusted() : mesh.admission.trust({ [what]: peers });
    }
  }
  checkHome(context);
  const { Home } = await import('../node/home.ts');
  const { changeTrust } = await import('../node/admission/trust-list.ts');
  const unknown = peers.find((peer) => !isPeerId(peer));
  if (unknown !== undefined) {
    const text = `${JSON.stringify(unknown)} is no peer’s id; names need a running peer`;
    throw new MeshError('MESH_USAGE', text);
  }
  return changeTrust(await Home.open(context.home), what === 'list' ? {} : { [what]: peers });
}

function listText(list: readonly string[]): string {
  return list.length === 0 ? 'the jobs of all members run here' : list.join('\n');
}

function usage(what: Action): MeshError {
  const text = what === 'list' ? 'list takes no peers' : `${what} needs the peers to ${what}`;
  return new MeshError('MESH_USAGE', text);
}

function action(text: string): Action {
  const found = ACTIONS.find((each) => each === text);
  if (found === undefined) throw new InvalidArgumentError(`It must be ${ACTIONS.join(', ')}.`);
  return found;
}
