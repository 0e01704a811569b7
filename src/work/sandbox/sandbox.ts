/** How closely user code is held: not at all, by Node's permission model, by bubblewrap. */
export type Tier = 'none' | 'permission' | 'bwrap';

/** From the loosest to the tightest. */
export const TIERS: readonly Tier[] = ['none', 'permission', 'bwrap'];

/** A folder, and what may be in it at most, in bytes on the disk. */
export interface FolderLimit {
  readonly folder: string;
  readonly bytes: number;
}

/** What holds an executor, and what is open in it beside its scratch folder. */
export interface Sandbox {
  readonly tier: Tier;
  /** The network may be used. The tier `permission` cannot refuse it below Node 26. */
  readonly net: boolean;
  /** Absolute paths of files and folders that may be read; sorted. */
  readonly reads: readonly string[];
  /** Those that may be written, too; sorted. */
  readonly writes: readonly string[];
  /**
   * Folders, without links in their paths, of which a path must lie in one when it is opened.
   * @default any path is opened
   */
  readonly within?: ReadonlyMap<string, readonly string[]>;
  /** One of the folders to write, of which the executor is to see that it is not filled. */
  readonly common?: FolderLimit;
}

/** Holds nothing back. */
export const OPEN: Sandbox = { tier: 'none', net: true, reads: [], writes: [] };

/** Says whether an executor of one may serve where the other is asked for. */
export function sameSandbox(a: Sandbox, b: Sandbox): boolean {
  if (a.tier !== b.tier) return false;
  if (a.tier === 'none') return true;
  return a.net === b.net && sameTexts(a.reads, b.reads) && sameTexts(a.writes, b.writes);
}

/** Says whether nothing outside is open to user code: no file, and no network if that is held. */
export function isSealed({ tier, net, reads, writes }: Sandbox): boolean {
  return tier !== 'none' && !net && reads.length === 0 && writes.length === 0;
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, k) => text === b[k]);
}
