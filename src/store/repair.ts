import { cp, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Level } from 'level';
import { isDiskFull } from '../files/disk-full.ts';
import { faultOf, isDamage } from './faults.ts';

/** A LevelDB with text keys and binary values. */
export type Database = Level<string, Uint8Array>;

/** `level` is LevelDB itself on Node, with this function, which its types leave out. */
const { repair } = Level as unknown as { repair(dir: string): Promise<void> };

const MAX_BROKEN = 2;
const FOOTER_BYTES = 48;
/** The last eight bytes of every table. @see leveldb doc/table_format.md */
const TABLE_MAGIC = '57fb808b247547db';

/**
 * Opens the database in a folder, and makes it where there is none. One that will not open, or has
 * a table cut short, is repaired first. onRepair: told in one line what was done.
 * @throws MeshError MESH_HOME_IN_USE, MESH_DISK_FULL or MESH_HOME_UNUSABLE
 */
export async function openDatabase(
  dir: string,
  onRepair: (how: string) => void,
): Promise<Database> {
  try {
    await finishMove(dir);
    // LevelDB takes a folder without CURRENT for an empty one, and deletes the tables in it.
    if (await lacksCurrent(dir)) return await repairDatabase(dir, 'CURRENT is missing', onRepair);
    return await openSound(dir);
  } catch (error) {
    if (!isDamage(error)) throw faultOf(dir, error);
    return await repairDatabase(dir, reasonOf(error), onRepair);
  }
}

/**
 * Repairs a copy of a closed database, moves the original aside to `<dir>.broken-<n>`, and opens
 * the copy in its place; an empty one where nothing could be saved. The last two originals stay.
 * @throws MeshError MESH_DISK_FULL when the copy does not fit; the original is then untouched.
 */
export async function repairDatabase(
  dir: string,
  reason: string,
  onRepair: (how: string) => void,
): Promise<Database> {
  const copy = copyOf(dir);
  try {
    const saved = await repairCopy(dir, copy);
    const aside = await nextBroken(dir);
    await rename(dir, aside);
    await finishMove(dir);
    const database = await openSound(dir);
    const kept = saved === undefined ? 'nothing could be read' : `${saved} entries kept`;
    onRepair(`database repaired (${reason}): ${kept}, the damaged one is in ${aside}`);
    return database;
  } catch (error) {
    await rm(copy, { recursive: true, force: true });
    throw faultOf(dir, error);
  }
}

/** Repairs a copy and counts its entries; without a result the copy was emptied. */
async function repairCopy(dir: string, copy: string): Promise<number | undefined> {
  await rm(copy, { recursive: true, force: true });
  try {
    await cp(dir, copy, { recursive: true, filter: (path) => basename(path) !== 'lost' });
    await repair(copy);
    const database = await openSound(copy);
    try {
      let entries = 0;
      for await (const _ of database.keys()) entries++;
      return entries;
    } finally {
      await database.close();
      // What repair itself could not use; the original has it too.
      await rm(join(copy, 'lost'), { recursive: true, force: true });
    }
  } catch (error) {
    if (isDiskFull(error)) throw error;
    await rm(copy, { recursive: true, force: true });
    await (await openSound(copy)).close();
    return undefined;
  }
}

/** After a crash between the two renames the folder is missing and the copy is whole. */
async function finishMove(dir: string): Promise<void> {
  if (!(await exists(dir)) && (await exists(copyOf(dir)))) await rename(copyOf(dir), dir);
}

function copyOf(dir: string): string {
  return `${dir}.repair`;
}

/** A free name for the folder moved aside; older ones beyond the limit are deleted. */
async function nextBroken(dir: string): Promise<string> {
  const prefix = `${basename(dir)}.broken-`;
  const numbers = (await readdir(dirname(dir)))
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length)))
    .filter(Number.isSafeInteger)
    .sort((a, b) => b - a);
  for (const n of numbers.slice(MAX_BROKEN - 1)) {
    await rm(`${dir}.broken-${n}`, { recursive: true, force: true });
  }
  return `${dir}.broken-${(numbers[0] ?? 0) + 1}`;
}

async function openSound(dir: string): Promise<Database> {
  // LevelDB would make it for all to read; what is wrong with the place it tells itself.
  await mkdir(dir, { mode: 0o700 }).catch(() => undefined);
  const database: Database = new Level(dir, { valueEncoding: 'view' });
  await database.open();
  const damaged = await damagedTable(dir, database);
  if (damaged === undefined) return database;
  await database.close();
  const error = new Error(`${damaged} is cut short`);
  throw Object.assign(error, { code: 'LEVEL_CORRUPTION' });
}

/** A table in use that does not end as it should; LevelDB looks only when it reads. */
async function damagedTable(dir: string, database: Database): Promise<string | undefined> {
  const { getProperty } = database as unknown as { getProperty(name: string): string };
  const listing = getProperty.call(database, 'leveldb.sstables');
  for (const [, number = '', size = ''] of listing.matchAll(/^ (\d+):(\d+)\[/gm)) {
    const name = `${number.padStart(6, '0')}.ldb`;
    const footer = await footerOf(join(dir, name), Number(size));
    if (footer !== undefined && footer !== TABLE_MAGIC) return name;
  }
  return undefined;
}

/** The magic of a table of that size; undefined when a compaction has just deleted it. */
async function footerOf(path: string, bytes: number): Promise<string | undefined> {
  try {
    await using file = await open(path);
    if ((await file.stat()).size !== bytes || bytes < FOOTER_BYTES) return '';
    const magic = Buffer.alloc(8);
    await file.read(magic, 0, magic.length, bytes - magic.length);
    return magic.toString('hex');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function lacksCurrent(dir: string): Promise<boolean> {
  if (!(await exists(dir))) return false;
  const names = await readdir(dir);
  return !names.includes('CURRENT') && names.some((name) => /\.(ldb|sst|log)$/.test(name));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    // Whatever else is wrong with it, opening says so.
    () => false,
  );
}

function reasonOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return inner instanceof Error ? inner.message : String(inner);
}
