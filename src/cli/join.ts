import { existsSync } from 'node:fs';
import { MeshError } from '../core/mesh-error.ts';
import { PEER_FLAGS, type PeerFlags } from './peer-flags.ts';
import { STAY_FLAGS, STAY_NOTES, type StayFlags, splitStay } from './stay-flags.ts';
import type { Verb } from './verb.ts';

interface JoinFlags extends PeerFlags, StayFlags {
  readonly inviteFile?: readonly string[];
  readonly secretFile?: string;
  /** False with --no-wait. */
  readonly wait?: boolean;
}

export const join: Verb<readonly [(readonly string[])?], JoinFlags> = {
  name: 'join',
  group: 'This machine',
  summary: 'run this machine’s peer in an existing mesh',
  notes:
    'BOOTSTRAP is an invite (meshd1…), - for one on stdin, or the multiaddr of any member; a ' +
    'multiaddr needs the secret in --secret-file or MESHD_SECRET: the file `mesh` in a member’s ' +
    'home, or an invite. Several, in any order, lead to the same mesh. Without any, MESHD_INVITE ' +
    'counts; a home that belongs to a mesh needs none, also after a reboot. Others on this ' +
    'machine see the arguments of its processes: there give the invite in a file, in ' +
    'MESHD_INVITE or on stdin. Where nobody answers it says so and goes on trying.\n\n' +
    STAY_NOTES,
  examples: [
    'meshd join meshd1AGd…',
    'meshd join --invite-file invite.txt',
    'ssh other meshd invite | meshd join -',
    'meshd join /ip4/192.0.2.7/tcp/4001 --secret-file secret.txt',
    'meshd join                    # again, on a home that joined before',
    'meshd join --for 4h --exit-when-done     # in a batch queue; see examples/meshd.slurm.sh',
  ],
  positionals: [{ name: '[bootstrap...]', help: 'invites, multiaddrs of members, or -' }],
  flags: [
    {
      flags: '--invite-file <file>',
      help: 'a file that holds an invite, several times',
      many: true,
      complete: 'file',
    },
    {
      flags: '--secret-file <file>',
      help: 'the mesh secret for multiaddrs (or MESHD_SECRET)',
      complete: 'file',
    },
    { flags: '--no-wait', help: 'exit 3 when no member answers, instead of going on trying' },
    ...PEER_FLAGS,
    ...STAY_FLAGS,
  ],
  async run(context, [given = []], { inviteFile = [], secretFile, wait = true, ...options }) {
    const { readBootstrap } = await import('./bootstrap.ts');
    const { env, stdin } = context.io;
    const sources = { given, inviteFiles: inviteFile, env, stdin };
    const secretSource = secretFile === undefined ? {} : { secretFile };
    const { addresses, ...secret } = await readBootstrap({ ...sources, ...secretSource });
    const refusal = noMembership(addresses.length > 0);
    // A home that is not there belongs to no mesh; it is not made to find that out.
    if (secret.secret === undefined && !existsSync(context.home)) throw refusal;
    const { runPeer } = await import('./foreground.ts');
    try {
      const { peer: own, stay } = splitStay(options);
      const peer = {
        ...own,
        ...(addresses.length > 0 ? { bootstrap: addresses } : {}),
        ...secret,
      };
      return await runPeer(context, { peer, stay, seek: wait ? 'wait' : 'once' });
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
