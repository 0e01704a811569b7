import { closeSync, constants, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { access, lstat, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isPeerId, type PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import { DEFAULT_TIMING } from '../core/timing.ts';
import type { SecretRing } from '../net/secret-ring.ts';
import { isWorkingOutput, leaveOutputs } from '../work/command/left-outputs.ts';
import { removeBehind } from '../work/sandbox/remove-tree.ts';
import { readRing, ringText } from './admission/ring-file.ts';
import { closeToOthers } from './close-to-others.ts';

/** What a peer is told once and keeps. */
export interface PeerSettings {
  readonly name?: string;
  /** Multiaddrs listened on the last time, with their real ports. */
  readonly listen?: readonly string[];
  readonly announce?: readonly string[];
  /** What the files that commands are sent, or made, may take of the disk, in bytes. */
  readonly cacheBytes?: number;
}

/** What of a settings file has the right form. */
function settingsOf(value: unknown): PeerSettings {
  if (typeof value !== 'object' || value === null) return {};
  const { name, listen, announce, cacheBytes } = value as Record<string, unknown>;
  const isList = (list: unknown): list is string[] =>
    Array.isArray(list) && list.every((each) => typeof each === 'string' && each.startsWith('/'));
  return {
    ...(typeof name === 'string' && name !== '' ? { name: name.slice(0, 64) } : {}),
    ...(isList(listen) ? { listen } : {}),
    ...(isList(announce) ? { announce } : {}),
    ...(isSize(cacheBytes) ? { cacheBytes } : {}),
  };
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The folder that holds all of a peer's state; plain files beside the database. */
export class Home {
  readonly path: string;
  /** The folder that was made for it, or null: what to remove when nothing comes of it. */
  readonly #made: string | null;
  /** The writes so far: each file has one draft. */
  #written: Promise<void> = Promise.resolve();

  private constructor(path: string, made: string | null) {
    this.path = path;
    this.#made = made;
  }

  /**
   * Opens a home, making the folder (0700) if it is new; one that others may write to becomes this
   * user's alone. @throws MeshError MESH_HOME_UNUSABLE, also for one that is not this user's.
   */
  static async open(path: string): Promise<Home> {
    let made: string | null = null;
    try {
      made = await makeFolder(path);
      await closeToOthers(path);
      await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
      const probe = join(path, `.write-${process.pid}`);
      await (await open(probe, 'w', 0o600)).close();
      await rm(probe, { force: true });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new MeshError('MESH_HOME_UNUSABLE', `cannot write the home ${path}: ${why}`, { cause });
    }
    return new Home(path, made);
  }

  /** Removes a home that was made in vain; one that was there before stays. */
  async discard(): Promise<void> {
    if (this.#made !== null) await rm(this.#made, { recursive: true, force: true });
  }

  get database(): string {
    return join(this.path, 'db');
  }

  get identity(): string {
    return join(this.path, 'identity');
  }

  /** Files of commands, by hash; and what became of the outputs of this peer's own. */
  get files(): string {
    return join(this.path, 'files');
  }

  /** What runs of `run --pipe` keep of stdin. */
  get blocks(): string {
    return join(this.path, 'blocks');
  }

  get delivered(): string {
    return join(this.path, 'delivered');
  }

  /** What candidates logged. */
  get logs(): string {
    return join(this.path, 'logs');
  }

  /**
   * Where commands leave outputs that are too long for a value. What killed shells left there is
   * removed, and outputs that are older than any job that is kept.
   */
  async outputFolder(): Promise<string> {
    const folder = join(this.path, 'outputs');
    await tidyOutputs(folder);
    return folder;
  }

  /** An empty folder for programs in use; what a killed process left in it is removed. */
  async workFolder(): Promise<string> {
    const folder = join(this.path, 'work');
    const isLink = (await lstat(folder).catch(() => null))?.isSymbolicLink() === true;
    if (isLink) await rm(folder);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // The folder itself stays: it may be a disk of its own.
    for (const name of await namesIn(folder)) await removeBehind(join(folder, name));
    return folder;
  }

  /**
   * The secrets of this home's mesh, or null. @throws MeshError MESH_HOME_UNUSABLE when they are
   * unreadable.
   */
  async ring(): Promise<SecretRing | null> {
    const text = await this.#read('mesh');
    if (text === null) return null;
    const ring = readRing(text);
    if (ring === null) {
      const file = join(this.path, 'mesh');
      throw new MeshError('MESH_HOME_UNUSABLE', `${file} is damaged: remove it, and join anew`);
    }
    return ring;
  }

  /** Keeps the secrets of the mesh that it belongs to from now on. */
  async enter(ring: SecretRing): Promise<void> {
    await this.#write('mesh', ringText(ring));
  }

  /**
   * Publishers whose jobs run here; none: those of all members. @throws MeshError
   * MESH_HOME_UNUSABLE when the list is damaged: then it is not for this program to widen it.
   */
  async trusted(): Promise<PeerId[]> {
    const text = await this.#read('trust');
    if (text === null) return [];
    const peers = text.trimEnd().split('\n');
    if (text.endsWith('\n') && peers.every(isPeerId)) return peers;
    const file = join(this.path, 'trust');
    const next = 'remove it to run the jobs of all members, and trust whom you want anew';
    throw new MeshError('MESH_HOME_UNUSABLE', `${file} is damaged: ${next}`);
  }

  async keepTrusted(peers: readonly PeerId[]): Promise<void> {
    if (peers.length > 0) return this.#write('trust', peers.map((peer) => `${peer}\n`).join(''));
    return this.#inTurn(() => rm(join(this.path, 'trust'), { force: true }));
  }

  /** Members that this peer was connected to, and when last, in ms since 1970. */
  async met(): Promise<Map<PeerId, number>> {
    const lines = ((await this.#read('met')) ?? '').split('\n');
    const entries = lines.map((line) => /^([!-~]{1,64}) (\d{1,15})$/.exec(line));
    return new Map(entries.flatMap((entry) => (entry ? [[entry[1] ?? '', Number(entry[2])]] : [])));
  }

  async keepMet(met: ReadonlyMap<PeerId, number>): Promise<void> {
    await this.#write('met', [...met].map(([peer, atMs]) => `${peer} ${atMs}\n`).join(''));
  }

  /** Says whether the folder is still there: somebody may have removed it. */
  async exists(): Promise<boolean> {
    return (await this.#read('incarnation')) !== null;
  }

  /** Forgets the mesh and everything of it; the peer's key stays. */
  async forget(): Promise<void> {
    await this.#written;
    await rm(this.database, { recursive: true, force: true });
    for (const folder of [this.logs, this.files, this.blocks, this.delivered]) {
      await rm(folder, { recursive: true, force: true });
    }
    await rm(join(this.path, 'peer.json'), { force: true });
    await rm(join(this.path, 'trust'), { force: true });
    await rm(join(this.path, 'met'), { force: true });
    await rm(join(this.path, 'mesh'), { force: true });
  }

  async settings(): Promise<PeerSettings> {
    const text = await this.#read('peer.json');
    if (text === null) return {};
    try {
      return settingsOf(JSON.parse(text));
    } catch {
      // Only conveniences are in it: the peer picks a port and a name again.
      return {};
    }
  }

  async keepSettings(settings: PeerSettings): Promise<void> {
    await this.#write('peer.json', `${JSON.stringify(settings)}\n`);
  }

  /** A new incarnation: above the saved one and not below the seconds since 1970; saved first. */
  async nextIncarnation(): Promise<number> {
    const saved = Number.parseInt((await this.#read('incarnation')) ?? '0', 10);
    const seconds = Math.floor(Date.now() / 1000);
    const incarnation = Math.max(Number.isSafeInteger(saved) ? saved + 1 : 1, seconds);
    await this.#write('incarnation', `${incarnation}\n`);
    return incarnation;
  }

  /** Keeps a higher incarnation; it is on disk when this returns, for the peer goes on with it. */
  keepIncarnation(incarnation: number): void {
    const file = join(this.path, 'incarnation');
    try {
      const draft = openSync(`${file}.new`, 'w', 0o600);
      writeSync(draft, `${incarnation}\n`);
      fsyncSync(draft);
      closeSync(draft);
      renameSync(`${file}.new`, file);
      const folder = openSync(this.path, 'r');
      fsyncSync(folder);
      closeSync(folder);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new MeshError('MESH_HOME_UNUSABLE', `cannot write ${file}: ${why}`, { cause });
    }
  }

  async #read(name: string): Promise<string | null> {
    try {
      return await readFile(join(this.path, name), 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new MeshError('MESH_HOME_UNUSABLE', `cannot read ${join(this.path, name)}: ${why}`, {
        cause,
      });
    }
  }

  #write(name: string, text: string): Promise<void> {
    return this.#inTurn(() => this.#replace(name, text));
  }

  /** One change after the other, in the order in which they were asked for. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const turn = this.#written.then(change);
    this.#written = turn.catch(() => undefined);
    return turn;
  }

  /** Write, fsync, rename, fsync the folder: after a power cut the old or the new is there. */
  async #replace(name: string, text: string): Promise<void> {
    const file = join(this.path, name);
    const draft = `${file}.new`;
    try {
      const handle = await open(draft, 'w', 0o600);
      await handle.writeFile(text);
      await handle.sync();
      await handle.close();
      await rename(draft, file);
      const folder = await open(dirname(file), 'r');
      await folder.sync();
      await folder.close();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new MeshError('MESH_HOME_UNUSABLE', `cannot write ${file}: ${why}`, { cause });
    }
  }
}

/** Makes a folder with those that it lies in; the first one that is new, or null. */
async function makeFolder(path: string): Promise<string | null> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found?.isDirectory() === true) return null;
  // Node's own way up never ends where a folder takes no other one, as below /proc.
  const above = dirname(path) === path ? null : await makeFolder(dirname(path));
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    // Another process may have been quicker.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await stat(path)).isDirectory()) {
      throw error;
    }
    return above;
  }
  return above ?? path;
}

/** Those that ran in a sandbox left theirs in a folder of their own, and what they liked. */
async function tidyOutputs(folder: string): Promise<void> {
  const oldest = Date.now() - 2 * DEFAULT_TIMING.keepMs;
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    const found = await lstat(path);
    if (found.isDirectory()) await leaveOutputs(path, oldest);
    else if (isWorkingOutput(name) || found.mtimeMs < oldest) await rm(path, { force: true });
  }
}

/** Empty for a folder that is not there. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
