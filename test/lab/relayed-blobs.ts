// A member that is nothing but a network, on a machine that nobody can dial:
// node relayed-blobs.ts INVITE FOLDER COUNT. It sends so many blobs to the first other member that
// a relay leads to; with COUNT 0 it takes such blobs, and prints {"bytes":…,"ms":…} for each: what
// came after the first one, and the time since.
import { Gate } from '../../src/net/gate.ts';
import { loadIdentity } from '../../src/net/identity.ts';
import { startLibp2pNetwork } from '../../src/net/libp2p-network.ts';
import { ringOf } from '../../src/net/secret-ring.ts';
import { decodeInvite } from '../../src/node/admission/invite.ts';

const BLOB = { kind: 'blob', hash: 'b'.repeat(64), bytes: new Uint8Array(100_000) } as const;

const [text = '', folder = '', count = '0'] = process.argv.slice(2);
const invite = decodeInvite(text);
const identity = await loadIdentity(folder);
let bytes = -BLOB.bytes.length;
let sinceMs = 0;
const network = await startLibp2pNetwork({
  identity,
  gate: new Gate(identity.peer, ringOf(invite.secret, invite.mesh, invite.generation)),
  listen: [],
  handlers: {
    message: (_from, message) => {
      if (message.kind !== 'blob') return;
      if (bytes < 0) sinceMs = performance.now();
      bytes += message.bytes.length;
      process.stdout.write(`${JSON.stringify({ bytes, ms: performance.now() - sinceMs })}\n`);
    },
    connected: (peer) => {
      const way = network.connections().find((each) => each.peer === peer);
      if (way?.via !== 'relay') return;
      for (let k = 0; k < Number(count); k++) network.send(peer, BLOB);
    },
    disconnected: () => {},
    refused: () => {},
    addresses: () => {},
    log: () => {},
  },
});
await network.join(invite.addresses, { signal: AbortSignal.timeout(60_000) });
