// A peer in a process of its own, to be killed by the test that starts it:
// node crashing-peer.ts FOLDER SECRET_HEX BOOTSTRAP. Connected, it prints its id and broadcasts.
import { Gate } from '../../src/net/gate.ts';
import { loadIdentity } from '../../src/net/identity.ts';
import { startLibp2pNetwork } from '../../src/net/libp2p-network.ts';
import { ringOf } from '../../src/net/secret-ring.ts';

const [folder = '', secret = '', bootstrap = ''] = process.argv.slice(2);
const identity = await loadIdentity(folder);
const network = await startLibp2pNetwork({
  identity,
  gate: new Gate(identity.peer, ringOf(Buffer.from(secret, 'hex'))),
  listen: ['/ip4/127.0.0.1/tcp/0'],
  handlers: {
    message: () => {},
    connected: () => {
      process.stdout.write(`${identity.peer}\n`);
      setImmediate(() => network.broadcast({ kind: 'announce', groups: [] }));
    },
    disconnected: () => process.exit(0),
    refused: () => {},
    addresses: () => {},
    log: () => {},
  },
});
await network.join([bootstrap], { signal: AbortSignal.timeout(20_000) });
