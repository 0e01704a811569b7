import { randomBytes } from 'node:crypto';
import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import type { PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import { NO_OFFER, type Offer } from '../core/needs.ts';
import { newPeerState } from '../core/peer-state.ts';
import { DEFAULT_TIMING, type Timing } from '../core/timing.ts';
import { QUOTA_BYTES } from '../files/quota.ts';
import { LogKeeper } from '../logs/log-keeper.ts';
import { Gate } from '../net/gate.ts';
import { loadIdentity } from '../net/identity.ts';
import { createMeshSecret } from '../net/mesh-secret.ts';
import { compareSecrets, ringOf, type SecretRing } from '../net/secret-ring.ts';
import { blobOf } from '../store/keys.ts';
import { LevelStore } from '../store/level-store.ts';
import type { Store } from '../store/store.ts';
import { createWorkforce } from '../work/create-workforce.ts';
import type { Tier } from '../work/sandbox/sandbox.ts';
import { Kin } from './admission/kin.ts';
import { stateFolder } from './admission/state-folder.ts';
import { changeTrust } from './admission/trust-list.ts';
import { boot, readLocals } from './boot.ts';
import { Transfers } from './files/transfers.ts';
import { FOLDER_BYTES } from './files/work-folders.ts';
import { networkHandlers, workHandlers } from './handlers.ts';
import { Home } from './home.ts';
import type { Submitter } from './jobs/submission.ts';
import { Loop } from './loop.ts';
import { readMembers } from './members.ts';
import type { Mesh } from './mesh.ts';
import { openNetwork } from './open-network.ts';
import { type RunningParts, RunningPeer } from './running-peer.ts';
import { Sandboxes } from './sandboxes.ts';
import { checkMemory } from './slot-memory.ts';
import type { TenureEnd, TenureLimits } from './tenure.ts';
import { VERSION } from './version.ts';

export interface PeerOptions {
  /** Absolute path of the folder that holds all state. */
  readonly home: string;
  /** Executors, 0 … 1024. @default one per core */
  readonly slots?: number;
  /** How much executors yield to other programs, 0 … 19. @default 10 */
  readonly nice?: number;
  /** 1–64 characters. @default the one given before, else the host's name */
  readonly name?: string;
  /** solo: no socket. as-home: the home's mesh if it has one, else no socket. */
  readonly network: 'mesh' | 'solo' | 'as-home';
  /** Makes a mesh if the home has none. @default false */
  readonly newMesh?: boolean;
  /** Multiaddrs. @default those of the last run, else all interfaces and a free port */
  readonly listen?: readonly string[];
  readonly announce?: readonly string[];
  /** What it relays for others at most, in bytes a second; 0: nothing. @default null: no cap */
  readonly relayBytesPerSecond?: number | null;
  /** Multiaddrs of members. */
  readonly bootstrap?: readonly string[];
  /** The mesh's secret, 32 bytes. */
  readonly secret?: Uint8Array;
  /** The mesh's name. @default that of a mesh which begins with this secret */
  readonly mesh?: string;
  /** How often the mesh had rotated before this secret. @default 0 */
  readonly generation?: number;
  /** Publishers, by id, to be added to those whose jobs run here. @default none */
  readonly trust?: readonly PeerId[];
  /** What this machine is known for; at most 16. @default none */
  readonly tags?: readonly string[];
  /** Most memory of all executors together, in bytes. @default no limit but those of jobs */
  readonly memoryBytes?: number;
  /** What the jobs of others may do here. @default nothing */
  readonly granted?: Pick<Offer, 'net' | 'reads' | 'writes'>;
  /** What holds the jobs of others. @default the tightest tier that this machine can do */
  readonly sandbox?: Tier;
  /** What a candidate may leave in its scratch folder at most, in bytes. @default 1 GB */
  readonly scratchBytes?: number;
  /** What a command may have in its working folder at most, in bytes. @default 10 GB */
  readonly folderBytes?: number;
  /**
   * What the files that commands are sent, or made, may take of the disk, in bytes; kept for the
   * next start. @default 10 GB
   */
  readonly cacheBytes?: number;
  /** Names the one job that it evaluates: by name, or by the beginning of its id. @default all */
  readonly job?: string;
  /** It evaluates no own job of an earlier start before somebody waits for it. @default all */
  readonly onDemand?: boolean;
  /** Gives up looking for a bootstrap. @default none */
  readonly signal?: AbortSignal;
  /** @default DEFAULT_TIMING */
  readonly timing?: Timing;
  readonly onLog?: (
    level: 'error' | 'warn' | 'info' | 'debug',
    event: string,
    fields: object,
  ) => void;
}

/** A running peer. */
export interface Peer {
  readonly mesh: Mesh & Submitter;
  readonly id: PeerId;
  addresses(): string[];
  /** Null on a home that belongs to no mesh. */
  invite(): string | null;
  /** Why it ended; halted: another process runs with this identity. */
  readonly ended: Promise<'stopped' | 'left' | 'halted'>;
  /**
   * Resolves with the reason once it has stayed as long as it was to, the answers it worked on then
   * being kept by others too; with null once it has ended before that.
   */
  outstay(limits: TenureLimits): Promise<TenureEnd | null>;
  /** Gives its leases back, lets what runs end within so many ms, tells the others, and ends. */
  drain(ms: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a peer on a home.
 * @throws MeshError MESH_HOME_UNUSABLE, MESH_HOME_IN_USE, MESH_OTHER_MESH, MESH_NOT_MEMBER,
 * MESH_PORT_IN_USE, MESH_NO_BOOTSTRAP; MESH_USAGE when memoryBytes is too little for its slots, or
 * for a sandbox that this machine cannot do.
 */
export async function startPeer(options: PeerOptions): Promise<Peer> {
  checkMemory(options.memoryBytes ?? null, options.slots ?? availableParallelism());
  await new Sandboxes(options.sandbox ?? null).check();
  const home = await Home.open(options.home);
  try {
    return await open(home, options);
  } catch (error) {
    // Another process may have entered the new home first: then it is no longer this one's.
    if (!(error instanceof MeshError) || error.code !== 'MESH_HOME_IN_USE') await home.discard();
    throw error;
  }
}

/** Hears the keys of rotten entries of the store. */
interface Rot {
  heard: (key: string) => void;
}

async function open(home: Home, options: PeerOptions): Promise<Peer> {
  const ring = await ringFor(home, options);
  const log = options.onLog ?? ((): void => undefined);
  const rot: Rot = { heard: () => undefined };
  const store = await LevelStore.open(home.database, {
    onRot: (what) => {
      log('warn', 'store.rotten', { what });
      rot.heard(what);
    },
    onRepair: (how) => log('warn', 'store.repaired', { how }),
  });
  try {
    return await assemble(home, ring, { store, rot }, options);
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The mesh to run in: the home's, the one asked for, a new one, or none. */
async function ringFor(home: Home, options: PeerOptions): Promise<SecretRing | null> {
  if (options.network === 'solo') return null;
  const known = await home.ring();
  const { secret, mesh, generation } = options;
  if (secret !== undefined) {
    const asked = ringOf(secret, mesh, generation);
    if (known === null) return asked;
    if (known.mesh === asked.mesh) {
      // A later secret is the way back of a machine that was off when the mesh rotated it.
      return compareSecrets(asked.current, known.current) > 0 ? asked : known;
    }
    throw new MeshError(
      'MESH_OTHER_MESH',
      `${home.path} belongs to mesh ${known.mesh}, not ${asked.mesh}: ` +
        'use another --home, or `meshd leave` first',
    );
  }
  if (known !== null || options.network === 'as-home') return known;
  if (options.newMesh === true) {
    return ringOf(createMeshSecret());
  }
  throw new MeshError(
    'MESH_NOT_MEMBER',
    `${home.path} belongs to no mesh: give an invite (meshd1…), or \`meshd start\` a new one`,
  );
}

async function assemble(
  home: Home,
  ring: SecretRing | null,
  { store, rot }: { readonly store: Store; readonly rot: Rot },
  options: PeerOptions,
): Promise<Peer> {
  const log = options.onLog ?? ((): void => undefined);
  const identity = await loadIdentity(home.identity);
  const settings = await home.settings();
  const incarnation = await home.nextIncarnation();
  const keep = (changed: SecretRing): Promise<void> => home.enter(changed);
  const { sign } = identity;
  const met = await home.met();
  const gate = ring === null ? null : new Gate(identity.peer, ring, { keep, sign, met });
  const trusted = await changeTrust(home, { add: options.trust ?? [] });
  let loop: Loop | null = null;
  const logs = await LogKeeper.open({
    folder: home.logs,
    keepMs: 2 * DEFAULT_TIMING.keepMs,
    onFailure: (why) => log('warn', 'logs.lost', { why }),
  });
  const work = await home.workFolder();
  const { files, blocks, delivered } = home;
  const outputs = await home.outputFolder();
  const transfers = await Transfers.open({
    ...{ self: identity.peer, files, blocks, delivered, outputs, work, log },
    folderBytes: options.folderBytes ?? FOLDER_BYTES,
    quotaBytes: options.cacheBytes ?? settings.cacheBytes ?? QUOTA_BYTES,
  });
  const workforce = await createWorkforce({
    slots: options.slots ?? availableParallelism(),
    ...(options.nice === undefined ? {} : { nice: options.nice }),
    ...(options.scratchBytes === undefined ? {} : { scratchBytes: options.scratchBytes }),
    folder: work,
    outputs,
    handlers: workHandlers(() => loop, logs),
    log,
  });
  const name = options.name ?? settings.name ?? hostname().slice(0, 64);
  const { slots, mathClass } = workforce;
  const state = newPeerState(
    {
      ...{ peer: identity.peer, name, version: VERSION, slots, mathClass },
      ...(gate === null ? {} : { mesh: gate.ring.mesh }),
    },
    { incarnation, nonce: randomBytes(8).toString('hex') },
    options.timing ?? DEFAULT_TIMING,
  );
  const { relayBytesPerSecond = null } = options;
  const kin = new Kin({
    ...{ self: identity.peer, home: home.path, folder: join(stateFolder(), 'meshd-peers') },
    onChange: (peers) => loop?.dispatch({ kind: 'kin', peers }),
    onFault: (error) => log('warn', 'kin.unknown', { why: String(error) }),
  });
  const { reads = [], writes = [] } = options.granted ?? {};
  const sandboxes = new Sandboxes(options.sandbox ?? null, [...reads, ...writes]);
  const parts: RunningParts = {
    ...{ home, store, workforce, state, gate, relayBytesPerSecond, log, kin, logs, transfers },
  };
  try {
    const locals = await readLocals(store);
    const members = readMembers(locals);
    const running = new RunningPeer(parts);
    const halt = (reason: string): void => running.halt(reason);
    const quit = (): void => void running.end('stopped');
    const rise = (incarnation: number): void => home.keepIncarnation(incarnation);
    const deny = (peer: PeerId): void => gate?.deny(peer);
    const rooms = { state, identity, store, workforce, logs, transfers, log, sandboxes, kin };
    loop = new Loop({ ...rooms, halt, quit, rise, deny }, members);
    rot.heard = (key) => {
      const hash = blobOf(key);
      if (hash !== null) loop?.dispatch({ kind: 'blob.lost', hash });
    };
    loop.dispatch({ kind: 'offer', offer: offerOf(options) });
    await kin.enter();
    if (trusted.length > 0) loop.dispatch({ kind: 'trust', peers: trusted });
    if (options.job !== undefined) loop.dispatch({ kind: 'limit', job: options.job });
    if (options.onDemand === true) loop.dispatch({ kind: 'on-demand' });
    const others = members.size > 0 || (options.bootstrap ?? []).length > 0;
    await boot(loop, store, locals, gate !== null && others);
    const network = await openNetwork({
      ...{ home, gate, identity, settings, members, options, name },
      handlers: networkHandlers(loop, log),
    });
    loop.connect(network);
    loop.run();
    return running.start(loop, network);
  } catch (error) {
    kin.close();
    await workforce.close();
    throw error;
  }
}

function offerOf({ tags = [], memoryBytes, granted = NO_OFFER }: PeerOptions): Offer {
  const { net, reads, writes } = granted;
  const own = { tags: [...new Set(tags)].sort(), memoryBytes: memoryBytes ?? null };
  return { ...own, net, reads, writes };
}
