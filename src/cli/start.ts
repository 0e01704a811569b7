import { PEER_FLAGS, type PeerFlags } from './peer-flags.ts';
import { STAY_FLAGS, STAY_NOTES, type StayFlags, splitStay } from './stay-flags.ts';
import type { Verb } from './verb.ts';

export const start: Verb<readonly [], PeerFlags & StayFlags> = {
  name: 'start',
  group: 'This machine',
  summary: 'run this machine’s peer; a new mesh the first time',
  notes:
    'It stays in the foreground. On a home that belongs to a mesh it continues there. With ' +
    '--json one line on stdout says that it is ready: ' +
    '{"event":"ready","peer":…,"addresses":[…],"invite":…}.\n\n' +
    STAY_NOTES,
  examples: [
    'meshd start',
    'meshd start --home /tmp/a --listen /ip4/127.0.0.1/tcp/0   # nothing leaves this machine',
  ],
  positionals: [],
  flags: [...PEER_FLAGS, ...STAY_FLAGS],
  async run(context, _args, options) {
    const { runPeer } = await import('./foreground.ts');
    const { peer, stay } = splitStay(options);
    return runPeer(context, { peer: { ...peer, newMesh: true }, stay, seek: null });
  },
};
