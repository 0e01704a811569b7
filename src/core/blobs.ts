import { bytesToHex, decode } from './codec.ts';
import type { Computation } from './computation.ts';
import { bytes, check, list, tuple, whole } from './form.ts';
import type { Hash, PeerId } from './ids.ts';
import type { JobState } from './job-state.ts';
import { holdersOf } from './membership.ts';
import type { Want } from './peer-state.ts';
import { neighbours } from './sync.ts';
import type { Turn } from './turn.ts';

/** Blobs asked for at the same time. */
const MAX_ASKED = 64;

/** Long values looked for at the same time: of most of them all neighbours said no just now. */
const MAX_SOUGHT = 4096;

/** Before a blob that no neighbour has yet is looked for again, in ms. */
const AGAIN_MS = 300;

/** The longest items root, in bytes: a hash and a count for each chunk. */
const MAX_ROOT_BYTES = 4_194_304;

const rootForm = tuple(whole(1, 2 ** 31), list(tuple(bytes(32, 32), whole(1, 2 ** 31)), 65_536));

/** One chunk of a map job's items. */
export interface ItemChunk {
  readonly hash: Hash;
  readonly count: number;
}

/** The chunks that an items root names, in order; null when it is malformed. */
export function itemChunks(root: Uint8Array): ItemChunk[] | null {
  const decoded = decode(root, MAX_ROOT_BYTES);
  if ('rejected' in decoded) return null;
  const shaped = check(rootForm, decoded.value);
  if ('rejected' in shaped) return null;
  const [count, chunks] = shaped.value;
  const total = chunks.reduce((sum, [, size]) => sum + size, 0);
  if (total !== count) return null;
  return chunks.map(([hash, size]) => ({ hash: bytesToHex(hash), count: size }));
}

/** Blobs that a job's manifest names, as far as this peer knows them. */
export function namedBlobs(turn: Turn, job: JobState): Hash[] {
  const { spec, sources } = job.manifest;
  const { program, params, items } = spec;
  const named = sources === null ? [program, params] : [program, params, sources];
  if (items === null) return named;
  return [...named, items.root, ...(turn.state.chunks.get(items.root) ?? [])];
}

/** Says whether everything that a job names lies on this peer's disk. */
export function keepsNamed(turn: Turn, job: JobState): boolean {
  const { blobs, chunks, stored } = turn.state;
  const { items } = job.manifest.spec;
  if (items !== null && !chunks.has(items.root)) return false;
  return namedBlobs(turn, job).every((hash) => (blobs.get(hash) ?? stored + 1) <= stored);
}

/** Says whether all long values below an end lie on this peer's disk. */
export function keepsValues(turn: Turn, computation: Computation, end: number): boolean {
  const { blobs, stored } = turn.state;
  const { unstored, long } = computation;
  for (const hash of unstored.keys()) {
    if ((blobs.get(hash) ?? stored + 1) <= stored) unstored.delete(hash);
    else if ((long.get(hash) ?? 0) < end) return false;
  }
  return true;
}

/** Looks for what active jobs need, and for what this peer is a holder of. */
export function seekBlobs(turn: Turn): void {
  const { state } = turn;
  for (const job of state.jobs.values()) {
    job.computation.forgetReplaced();
    const holder = holdersOf(turn, job.computation, job.manifest.owner).includes(state.self.peer);
    if (job.active || holder) seekNamed(turn, job);
    if (!holder) continue;
    seekValues(turn, job.computation);
  }
  askForWanted(turn);
}

/** The owner has what its manifest names; only chunks, which may be many, come from anybody. */
function seekNamed(turn: Turn, job: JobState): void {
  const { owner, spec, sources } = job.manifest;
  const first = new Set([spec.program, spec.params, spec.items?.root, sources]);
  for (const hash of namedBlobs(turn, job)) want(turn, hash, false, first.has(hash) ? owner : null);
}

/** Looks for the long values of a computation that this peer is a holder of. */
function seekValues(turn: Turn, { unstored, long, missing }: Computation): void {
  if (unstored.size === 0) return;
  const { blobs, stored, wants } = turn.state;
  const most = Math.min(wants.size + MAX_ASKED - notRefused(turn), MAX_SOUGHT);
  for (const [hash, maker] of unstored) {
    const write = blobs.get(hash);
    if (write !== undefined) {
      if (write <= stored) unstored.delete(hash);
      continue;
    }
    if (wants.size >= most) return;
    // What nobody has any more comes by evaluation.
    if (!missing.has(long.get(hash) ?? 0)) want(turn, hash, true, maker);
  }
}

/** How many blobs are looked for that not all neighbours refused a moment ago. */
function notRefused({ state, now }: Turn): number {
  let count = 0;
  for (const wanted of state.wants.values()) if (!isRefused(wanted, now)) count++;
  return count;
}

/** Says whether all neighbours said no, and it is not yet time to ask them again. */
function isRefused({ asked, until }: Want, now: number): boolean {
  return asked === null && until > now;
}

/** Notes that a blob is looked for, unless it is here. source: who surely had it, if known. */
export function want(turn: Turn, hash: Hash, long: boolean, source: PeerId | null = null): void {
  const { blobs, wants } = turn.state;
  if (blobs.has(hash) || wants.has(hash)) return;
  wants.set(hash, { asked: null, until: 0, refused: new Set(), source, long });
}

/** Asks one peer after the other for each blob that is looked for. */
export function askForWanted(turn: Turn): void {
  const { wants, timing } = turn.state;
  if (wants.size === 0) return;
  const peers = neighbours(turn);
  let asked = 0;
  for (const [hash, wanted] of wants) {
    if (isRefused(wanted, turn.now)) continue;
    if (++asked > MAX_ASKED) return;
    if (wanted.until > turn.now) continue;
    if (wanted.asked !== null) wanted.refused.add(wanted.asked);
    const left = peers.filter((peer) => !wanted.refused.has(peer));
    const drawn = left[Math.floor(turn.env.rng() * left.length)] ?? null;
    const { source } = wanted;
    const peer = source !== null && left.includes(source) ? source : drawn;
    wanted.asked = peer;
    wanted.until = turn.now + (peer === null && !wanted.long ? AGAIN_MS : timing.askMs);
    if (peer !== null) turn.send(peer, { kind: 'want', hash });
    else giveUpRound(turn, hash, wanted, peers);
  }
}

/** All live peers were asked in vain: a long value is lost, anything else is asked for again. */
function giveUpRound(turn: Turn, hash: Hash, wanted: Want, peers: readonly PeerId[]): void {
  wanted.refused.clear();
  if (!wanted.long) return;
  const { roster, wants, computations } = turn.state;
  // The others' turn comes before it is asked for again.
  wants.delete(hash);
  for (const { unstored } of computations.values()) {
    const maker = unstored.get(hash);
    if (maker !== undefined && unstored.delete(hash)) unstored.set(hash, maker);
  }
  const allAsked = roster
    .all()
    .every(([peer, view]) => peers.includes(peer) || roster.state(view, turn.now) === 'dead');
  // Before the first exchange after a start, who is there is not known.
  const { openAt } = turn.state;
  if (!allAsked || openAt === null || turn.now < openAt) return;
  for (const computation of computations.values()) {
    const index = computation.long.get(hash);
    if (index === undefined || computation.missing.has(index)) continue;
    computation.missing.add(index, index + 1);
    turn.log('warn', 'value.lost', { computation: computation.id, index });
  }
}

/** Takes a blob in, if it was asked for and is what its hash says. */
export function takeBlob(turn: Turn, from: PeerId, hash: Hash, content: Uint8Array): void {
  const { state } = turn;
  if (!state.wants.has(hash)) return;
  if (turn.env.hash(content) !== hash) {
    turn.log('warn', 'blob.refused', { hash, from });
    takeNone(turn, from, hash);
    return;
  }
  state.wants.delete(hash);
  keepBlob(turn, hash, content);
}

/** Adds a blob to the store. */
export function keepBlob(turn: Turn, hash: Hash, content: Uint8Array): void {
  const { state } = turn;
  if (!state.blobs.has(hash)) {
    state.blobs.set(hash, turn.keep({ kind: 'blob', hash, bytes: content }));
    turn.hurry();
  }
  readRoot(turn, hash, content);
  tellUsers(turn, hash);
}

/** Clients of the jobs that have to do with a blob look again. */
function tellUsers(turn: Turn, hash: Hash): void {
  for (const job of turn.state.jobs.values()) {
    if (namedBlobs(turn, job).includes(hash) || job.computation.long.has(hash)) turn.change(job.id);
  }
}

/** Forgets that a blob is here: it is looked for again, and what nobody has is evaluated again. */
export function loseBlob(turn: Turn, hash: Hash): void {
  const { blobs, stored, computations } = turn.state;
  // One that is on its way to the disk has come since.
  if ((blobs.get(hash) ?? stored + 1) > stored) return;
  blobs.delete(hash);
  for (const computation of computations.values()) {
    if (computation.names(hash)) computation.unstored.set(hash, null);
  }
  tellUsers(turn, hash);
}

/** Has the list of a map job's items read, if it is here; else it is read when it comes. */
export function openItems(turn: Turn, job: JobState): void {
  const root = job.manifest.spec.items?.root;
  if (root === undefined || !turn.state.blobs.has(root) || turn.state.chunks.has(root)) return;
  turn.emit({ kind: 'read.blob', hash: root });
}

/** Learns the chunks of a map job's items from their root. */
export function readRoot(turn: Turn, hash: Hash, content: Uint8Array): void {
  const { state } = turn;
  if (state.chunks.has(hash)) return;
  for (const job of state.jobs.values()) {
    if (job.manifest.spec.items?.root !== hash) continue;
    const chunks = itemChunks(content);
    if (chunks === null) return turn.log('error', 'items.malformed', { job: job.id });
    const hashes = chunks.map((chunk) => chunk.hash);
    state.chunks.set(hash, hashes);
    for (const chunk of hashes) want(turn, chunk, false);
    return askForWanted(turn);
  }
}

/** A peer that was asked has not got it: the next one is asked at once. */
export function takeNone(turn: Turn, from: PeerId, hash: Hash): void {
  const wanted = turn.state.wants.get(hash);
  if (wanted === undefined || wanted.asked !== from) return;
  wanted.refused.add(from);
  wanted.asked = null;
  wanted.until = 0;
  const others = neighbours(turn).filter((peer) => !wanted.refused.has(peer));
  if (others.length > 0) return askForWanted(turn);
  if (!wanted.long) return;
  wanted.until = turn.now + turn.state.timing.askMs;
  seekBlobs(turn);
}

/** Answers a peer that asks for a blob. */
export function giveBlob(turn: Turn, to: PeerId, hash: Hash): void {
  if (turn.state.blobs.has(hash)) turn.emit({ kind: 'send.blob', to, hash });
  else turn.send(to, { kind: 'none', hash });
}
