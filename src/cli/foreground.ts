import { setTimeout as sleep } from 'node:timers/promises';
import { connectControl } from '../control/client.ts';
import { type ControlServer, inUse, serveControl } from '../control/server.ts';
import type { Peer, PeerOptions } from '../node/peer.ts';
import type { TenureEnd } from '../node/tenure.ts';
import { type Context, type Interrupt, print, tell } from './context.ts';
import { EXIT } from './exit-code.ts';
import { formatSeconds } from './format.ts';
import { logTo } from './log-line.ts';
import { warnMissing } from './missing-paths.ts';
import type { PeerFlags } from './peer-flags.ts';
import { seekMesh } from './seek-mesh.ts';
import { endText, Stay } from './stay.ts';
import type { StayFlags } from './stay-flags.ts';
import { formatPairs } from './table.ts';
import { warnUnheld } from './use-mesh.ts';

/** What flags give under other names. */
type FlaggedOptions =
  | ('relayBytesPerSecond' | 'tags' | 'granted')
  | ('memoryBytes' | 'scratchBytes' | 'folderBytes' | 'cacheBytes');

/** How a peer is run in the foreground. */
export interface ForegroundOptions {
  readonly peer: Omit<
    PeerOptions,
    'home' | 'network' | 'onLog' | 'job' | 'signal' | 'timing' | FlaggedOptions
  > &
    Pick<
      PeerFlags,
      | 'relayRate'
      | 'memory'
      | 'tag'
      | 'grantNet'
      | 'grantRead'
      | 'grantWrite'
      | 'scratch'
      | 'folder'
      | 'cache'
    >;
  readonly stay: StayFlags;
  /** What to do when nobody answers: keep trying, or fail; null: nobody has to answer. */
  readonly seek: 'wait' | 'once' | null;
}

/** What every part of a run in the foreground needs. */
interface Foreground {
  readonly context: Context;
  readonly flags: StayFlags;
  readonly stay: Stay;
  /** Aborted by the first signal, whose name is its reason. */
  readonly interrupt: AbortSignal;
}

/**
 * Runs a peer until it is stopped by a signal, by `meshd stop` or `leave`, or because it has stayed
 * as long as it was to. Resolves with the exit code.
 * @throws MeshError MESH_HOME_IN_USE when a peer runs on the home already; MESH_NO_BOOTSTRAP.
 */
export async function runPeer(context: Context, options: ForegroundOptions): Promise<number> {
  const { home, io } = context;
  const { stay: flags, seek } = options;
  const { relayRate: relayBytesPerSecond = null, tag: tags = [], ...granting } = options.peer;
  const { memory, scratch, folder, cache, grantNet, grantRead, grantWrite, ...peerOptions } =
    granting;
  const granted = { net: grantNet === true, reads: grantRead ?? [], writes: grantWrite ?? [] };
  const stay = new Stay(flags, performance.now());
  if ((await connectControl(home)) !== null) throw inUse(home);
  warnMissing(context, '--grant-read', granted.reads);
  warnMissing(context, '--grant-write', granted.writes);
  const stop = new AbortController();
  const release = io.onInterrupt((signal) => stop.abort(signal));
  const run: Foreground = { context, flags, stay, interrupt: stop.signal };
  try {
    const { startPeer } = await import('../node/peer.ts');
    const { timingOf } = await import('../node/test-timing.ts');
    const start = (): Promise<Peer> =>
      startPeer({
        ...{ ...peerOptions, relayBytesPerSecond, tags, granted, home, network: 'mesh' },
        timing: timingOf(io.env),
        ...(memory === undefined ? {} : { memoryBytes: memory }),
        ...(flags.job === undefined ? {} : { job: flags.job }),
        ...(scratch === undefined ? {} : { scratchBytes: scratch }),
        ...(folder === undefined ? {} : { folderBytes: folder }),
        ...(cache === undefined ? {} : { cacheBytes: cache }),
        ...{ signal: stop.signal, onLog: logTo(context, 'info') },
      });
    const peer =
      seek === null
        ? await start()
        : await seekMesh(context, start, { seek, signal: stop.signal, limitMs: searchMs(stay) });
    return peer === null ? EXIT.done : await serveUntilEnd(run, peer);
  } finally {
    release();
  }
}

function searchMs(stay: Stay): number {
  return stay.searchMs(performance.now());
}

async function serveUntilEnd(run: Foreground, peer: Peer): Promise<number> {
  const { context, stay, interrupt } = run;
  let control: ControlServer;
  try {
    const onFault = (error: unknown): void =>
      logTo(context, 'info')('error', 'control.fault', { message: String(error) });
    control = await serveControl({ mesh: peer.mesh, home: context.home, onFault });
  } catch (error) {
    await peer.close();
    throw error;
  }
  tellReady(context, peer);
  await warnUnheld(context, peer.mesh);
  const interrupted = new Promise<Interrupt>((resolve) => {
    if (interrupt.aborted) resolve(interrupt.reason);
    interrupt.addEventListener('abort', () => resolve(interrupt.reason), { once: true });
  });
  const outstayed = peer.outstay(stay.limits(performance.now()));
  const why = await Promise.race([peer.ended, interrupted, outstayed]);
  // The socket goes last: then whoever asked for `stop` is told that the home is free.
  const ended = end(run, peer, why).then(() => control.close());
  // What is not told to the disk by then is lost as in a crash; the queue would see to it anyway.
  await Promise.race([ended, sleep(stay.graceMs, undefined, { ref: false })]);
  return why === 'halted' ? EXIT.failed : EXIT.done;
}

type Reason = Awaited<Peer['ended']> | Interrupt | TenureEnd | null;

async function end({ context, flags, stay }: Foreground, peer: Peer, why: Reason): Promise<void> {
  switch (why) {
    case 'SIGINT':
      tell(context, 'stopping; once more to force', { event: 'stopping' });
      return peer.close();
    case 'SIGTERM': {
      const within = `within ${formatSeconds(stay.graceMs / 1000)}`;
      tell(context, `draining ${within}; once more to force`, { event: 'draining', why });
      return peer.drain(stay.drainMs);
    }
    case 'time':
    case 'idle':
    case 'done':
      tell(context, `ending: ${endText(why, flags)}`, { event: 'draining', why });
      return peer.drain(stay.drainMs);
    default:
      return peer.close();
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
    ...inviteLines(context, invite),
    `Ctrl-C or \`meshd stop${context.homeWords}\` ends this peer; membership and jobs are kept.`,
  ];
  print(context, lines.join('\n'), { event: 'ready', peer: peer.id, addresses, invite });
}

/** The secret is for the eyes of a person, not for the log of a service or a batch queue. */
function inviteLines({ io, homeWords }: Context, invite: string | null): string[] {
  if (invite === null) return [];
  if (io.stdout.isTTY !== true) return [`For the next machine: meshd invite${homeWords}`, ''];
  return [
    'On the next machine, to join this mesh (the line is a secret):',
    `  meshd join ${invite}`,
    '',
  ];
}
