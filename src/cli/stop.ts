import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { withRunningPeer } from './use-mesh.ts';
import type { Verb } from './verb.ts';

export const stop: Verb<readonly [], { readonly mesh?: boolean }> = {
  name: 'stop',
  group: 'This machine',
  summary: 'end the running peer, or with --mesh every machine’s; membership and jobs are kept',
  notes:
    'With --mesh every peer that is alive now is asked, in this member’s name, and passes it on. ' +
    'A machine that is off, or a peer that starts afterwards, is not concerned.',
  examples: ['meshd stop', 'meshd stop --mesh   # the whole mesh'],
  positionals: [],
  flags: [{ flags: '--mesh', help: 'ask all other machines to stop as well' }],
  async run(context, _args, { mesh: whole = false }) {
    const asked = await withRunningPeer(context, async (mesh) => {
      const rows = whole ? await mesh.peers() : [];
      await mesh.stop({ mesh: whole });
      return rows.filter(({ self, state }) => !self && state !== 'dead').length;
    });
    const text = whole ? `stopped, and asked ${asked} other machines to stop` : 'stopped';
    print(context, text, { event: 'stopped', ...(whole ? { asked } : {}) });
    return EXIT.done;
  },
};
