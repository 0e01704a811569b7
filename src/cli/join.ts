import { existsSync } from 'node:fs';
import { MeshError } from '../core/mesh-error.ts';
import { PEER_FLAGS, type PeerFlags } from './peer-flags.ts';
import type { Verb } from './verb.ts';

interface JoinFlags extends PeerFlags {
  readonly secretFile?: string;
}

export const join: Verb<readonly [(readonly string[])?], JoinFlags> = {
  name: 'join',
  group: 'This machine',
  summary: 'run this machine’s peer in an existing mesh',
  notes:
    'BOOTSTRAP is an invite (meshd1…) or the multiaddr of any member; a multiaddr needs the ' +
    'secret in --secret-file or MESHD_SECRET: the file `mesh` in a member’s home, or an ' +
    'invite. Several, in any order, lead to the same mesh. Without any, MESHD_INVITE counts; ' +
    'a home that belongs to a mesh needs none.',
  examples: [
    'meshd join meshd1AGd…',
    'meshd join /ip4/192.0.2.7/tcp/4001 --secret-file secret.txt',
    'meshd join                    # again, on a home that joined before',
  ],
  positionals: [{ name: '[bootstrap...]', help: 'invites or multiaddrs of members' }],
  flags: [
    ...PEER_FLAGS,
    {
      flags: '--secret-file <file>',
      help: 'the mesh secret for multiaddrs (or MESHD_SECRET)',
      complete: 'file',
    },
  ],
  async run(context, [given = []], { secretFile, ...options }) {
    const { readBootstrap } = await import('./bootstrap.ts');
    const env = context.io.env;
    const sources = { given, env, ...(secretFile === undefined ? {} : { secretFile }) };
    const { addresses, secret } = readBootstrap(sources);
    const refusal = noMembership(addresses.length > 0);
    // A home that is not there belongs to no mesh; it is not made to find that out.
    if (secret === undefined && !existsSync(context.home)) throw refusal;
    const { runPeer } = await import('./foreground.ts');
    try {
      return await runPeer(context, {
        ...options,
        ...(addresses.length > 0 ? { bootstrap: addresses } : {}),
        ...(secret === undefined ? {} : { secret }),
      });
    } catch (error) {
      const alone = error instanceof MeshError && error.code === 'MESH_NOT_MEMBER';
      throw alone ? refusal : error;
    }
  },
};

function noMembership(hasAddresses: boolean): MeshError {
  const text = hasAddresses
    ? 'a multiaddr needs the mesh secret: give --secret-file or MESHD_SECRET, or an invite'
    : 'this home belongs to no mesh yet: give an invite (meshd1…), or make a mesh: meshd start';
  return new MeshError('MESH_USAGE', text);
}
