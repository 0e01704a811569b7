import { randomBytes } from 'node:crypto';
import { constants, lstatSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isPeerId, type PeerId } from '../../core/ids.ts';
import { peerIn } from '../../net/identity.ts';

/** Entries looked at; a user has fewer homes. */
const MOST_ENTRIES = 1024;

/** Entries read at the same time. */
const AT_ONCE = 32;

/** No file system that keeps times has a longer tick, in ms. */
const TICK_MS = 2000;

/** Between two looks, in ms. */
const LOOK_MS = 1000;

/** A path is no longer, in bytes. */
const MOST_PATH_BYTES = 8192;

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
const READ_PLAIN = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

export interface KinOptions {
  readonly self: PeerId;
  /** Absolute path of this peer's home. */
  readonly home: string;
  /** The folder of entries, which may not exist. */
  readonly folder: string;
  /** Told all other peers of this user, sorted, whenever they change. */
  readonly onChange: (peers: readonly PeerId[]) => void;
  readonly onFault: (error: unknown) => void;
}

/**
 * The peers of one user on the file systems that this machine sees. Each start leaves an entry: a
 * file named by the peer's id that holds the path of its home. It counts if it is this user's own,
 * and the home it names has the key of that peer: only who can read the key can make others believe
 * it. Entries of homes that are gone are removed.
 */
export class Kin {
  readonly #options: KinOptions;
  /** Entries that counted, with the path that each held. */
  #known = new Map<PeerId, string>();
  #seenMs = -1;
  #looking: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: KinOptions) {
    this.#options = options;
  }

  /** Leaves this peer's entry, looks for the others, and goes on looking. */
  async enter(): Promise<void> {
    const { folder, self, home, onFault } = this.#options;
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if (!isPrivate(folder)) throw new Error(`${folder} is not private to this user`);
      const draft = join(folder, `.${self}-${randomBytes(4).toString('hex')}`);
      await writeFile(draft, `${home}\n`, { mode: 0o600, flag: 'wx' });
      await rename(draft, join(folder, self));
    } catch (error) {
      // Without it this peer works as any member: its jobs need grants on this user's other homes.
      onFault(error);
    }
    await this.look();
    this.#timer = setInterval(() => void this.look(), LOOK_MS);
    this.#timer.unref();
  }

  /** Looks at once; resolves when the others have been told. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /** Looks no more. */
  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { folder, onChange, onFault, self } = this.#options;
    try {
      const stats = lstatSync(folder, { throwIfNoEntry: false });
      if (stats === undefined || stats.mtimeMs === this.#seenMs || !isPrivate(folder)) return;
      // What comes in the same tick of the file system's clock would not be noticed.
      this.#seenMs = Date.now() - stats.mtimeMs > TICK_MS ? stats.mtimeMs : -1;
      const known = new Map<PeerId, string>();
      const found = (await readdir(folder)).filter((name) => isPeerId(name) && name !== self);
      const names = found.slice(0, MOST_ENTRIES);
      while (names.length > 0) {
        const read = names.splice(0, AT_ONCE).map(async (name) => {
          const home = await this.#homeOf(name);
          if (home !== null) known.set(name, home);
        });
        await Promise.all(read);
      }
      const isSame =
        known.size === this.#known.size && [...known].every(([peer]) => this.#known.has(peer));
      this.#known = known;
      if (!isSame) onChange([...known.keys()].sort());
    } catch (error) {
      onFault(error);
    }
  }

  /** The home that an entry names, if it counts. */
  async #homeOf(peer: PeerId): Promise<string | null> {
    const file = join(this.#options.folder, peer);
    const home = await pathIn(file);
    if (home === null) return null;
    if (this.#known.get(peer) === home) return home;
    if (await holds(home, peer)) return home;
    await rm(file, { force: true });
    return null;
  }
}

/** The path that an entry holds; null where it is no plain file of this user's with one. */
async function pathIn(file: string): Promise<string | null> {
  if (!isOwn(file)) return null;
  // What is put in its place meanwhile is no link that is followed, and no pipe that is waited for.
  const opened = await open(file, READ_PLAIN).catch(() => null);
  if (opened === null) return null;
  try {
    const found = await opened.stat();
    if (!found.isFile() || found.size > MOST_PATH_BYTES) return null;
    return (await opened.readFile('utf8')).trimEnd();
  } finally {
    await opened.close();
  }
}

/** Says whether a home has the key of a peer. It makes no key. */
async function holds(home: string, peer: PeerId): Promise<boolean> {
  const folder = join(home, 'identity');
  return isOwn(folder) && (await peerIn(folder)) === peer;
}

/** A file or folder of this user's, and no link. */
function isOwn(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isSymbolicLink()) return false;
  // Not userInfo(), which reads the list of users each time.
  return process.platform === 'win32' || found.uid === process.geteuid?.();
}

function isPrivate(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true || !isOwn(folder)) return false;
  return process.platform === 'win32' || (found.mode & 0o077) === 0;
}
