import { connectControl } from '../control/client.ts';
import { type ControlServer, inUse, serveControl } from '../control/server.ts';
import type { Peer, PeerOptions } from '../node/peer.ts';
import { type Context, interruptSignal, print, tell } from './context.ts';
import { EXIT } from './exit-code.ts';
import { logTo } from './log-line.ts';
import { formatPairs } from './table.ts';

/**
 * Runs a peer until it is stopped: by a signal, by `meshd stop` or `leave`. Resolves with the exit
 * code. @throws MeshError MESH_HOME_IN_USE when a peer runs on the home already.
 */
export async function runPeer(
  context: Context,
  options: Omit<PeerOptions, 'home' | 'network' | 'onLog'>,
): Promise<number> {
  const { home, io } = context;
  if ((await connectControl(home)) !== null) throw inUse(home);
  const interrupt = interruptSignal(io);
  try {
    const { startPeer } = await import('../node/peer.ts');
    const onLog = logTo(context, 'info');
    const peer = await startPeer({ ...options, home, network: 'mesh', onLog });
    return await serveUntilEnd(context, peer, interrupt.signal);
  } finally {
    interrupt.release();
  }
}

async function serveUntilEnd(context: Context, peer: Peer, signal: AbortSignal): Promise<number> {
  let control: ControlServer | undefined;
  try {
    const onFault = (error: unknown): void =>
      logTo(context, 'info')('error', 'control.fault', { message: String(error) });
    control = await serveControl({ mesh: peer.mesh, home: context.home, onFault });
    tellReady(context, peer);
    const interrupted = new Promise<'interrupted'>((resolve) => {
      if (signal.aborted) resolve('interrupted');
      signal.addEventListener('abort', () => resolve('interrupted'), { once: true });
    });
    const why = await Promise.race([peer.ended, interrupted]);
    if (why === 'interrupted') tell(context, 'stopping; once more to force', { event: 'stopping' });
    return why === 'halted' ? EXIT.failed : EXIT.done;
  } finally {
    // The socket goes last: then whoever asked for `stop` is told that the home is free.
    await peer.close();
    await control?.close();
  }
}

function tellReady(context: Context, peer: Peer): void {
  const addresses = peer.addresses();
  const invite = peer.invite();
  const pairs = [
    ['peer', peer.id],
    ['home', context.home],
    ...addresses.map((address) => ['address', address]),
  ] as [string, string][];
  const lines = [
    formatPairs(pairs),
    '',
    ...(invite === null ? [] : ['On the next machine, to join this mesh (the line is a secret):']),
    ...(invite === null ? [] : [`  meshd join ${invite}`, '']),
    'Ctrl-C or `meshd stop` ends this peer; its membership and its jobs are kept.',
  ];
  print(context, lines.join('\n'), { event: 'ready', peer: peer.id, addresses, invite });
}
