import { holdsAnswer } from './answer.ts';
import { keepsNamed, keepsValues } from './blobs.ts';
import { nextOp } from './control.ts';
import type { Hash, PeerId } from './ids.ts';
import { HOLDERS, holdersOf, livingStorers } from './membership.ts';
import type { Pending } from './peer-state.ts';
import { append } from './records.ts';
import { neighbours, offer } from './sync.ts';
import type { Turn } from './turn.ts';

/** Questions kept for receipts that cannot be given yet. */
const MAX_ASKED = 4096;

/** How often an op is issued again: two clients at odds would otherwise never end. */
const MAX_REISSUES = 3;

/** Says whether a record is an op that is here and does not stand: another one is ahead of it. */
function isBeaten(turn: Turn, hash: Hash): boolean {
  for (const { beaten } of turn.state.jobs.values()) if (beaten.has(hash)) return true;
  return false;
}

/**
 * Says whether a record, and all it names, lies on this peer's disk. A certificate is asked for by
 * its value: it is kept when all outcomes and long values of its answer are.
 */
function isKept(turn: Turn, hash: Hash): boolean {
  const { state } = turn;
  for (const job of state.jobs.values()) {
    const ending = job.ending;
    if (ending?.certificate !== hash || !holdsAnswer(job)) continue;
    job.answerWrite ??= turn.lastWrite;
    // Somebody waits for this batch, and nothing else may come to bring it forward.
    if (state.stored < job.answerWrite) turn.hurry();
    else if (keepsValues(turn, job.computation, ending.end)) return true;
  }
  const write = state.kept.get(hash);
  if (write === undefined || write > state.stored) return false;
  for (const job of state.jobs.values()) if (job.record === hash) return keepsNamed(turn, job);
  return true;
}

/** Answers a question for receipts with what is kept; the rest is answered when it is. */
export function takeAsk(turn: Turn, from: PeerId, hashes: readonly Hash[]): void {
  const { asked, kept } = turn.state;
  // Who asks for an op that does not stand is told of the one that is ahead of it.
  const beaten = hashes.filter((hash) => isBeaten(turn, hash));
  if (beaten.length > 0) offer(turn, from);
  const open = hashes.filter((hash) => !beaten.includes(hash));
  const ready = open.filter((hash) => isKept(turn, hash));
  if (ready.length > 0) turn.send(from, { kind: 'receipt', hashes: ready });
  for (const hash of open) {
    if (ready.includes(hash)) continue;
    if (asked.size < MAX_ASKED) asked.set(hash, (asked.get(hash) ?? new Set()).add(from));
    if (!kept.has(hash)) offer(turn, from);
  }
}

/** Gives the receipts that were asked for before the disk had it all. */
export function giveReceipts(turn: Turn): void {
  for (const [hash, peers] of turn.state.asked) {
    if (isBeaten(turn, hash)) turn.state.asked.delete(hash);
    if (!turn.state.asked.has(hash) || !isKept(turn, hash)) continue;
    turn.state.asked.delete(hash);
    for (const peer of peers) turn.send(peer, { kind: 'receipt', hashes: [hash] });
  }
}

export function takeReceipt(turn: Turn, from: PeerId, hashes: readonly Hash[]): void {
  for (const pending of turn.state.pending.values()) {
    if (pending.record !== null && hashes.includes(pending.record)) pending.receipts.add(from);
  }
}

/** Asks the holders for receipts, and answers the clients whose records have enough of them. */
export function settlePending(turn: Turn): void {
  const { state } = turn;
  for (const pending of [...state.pending.values()]) {
    const { supersededBy } = pending;
    if (supersededBy !== null && state.pending.has(supersededBy)) continue;
    followJob(turn, pending);
    if (pending.record === null) continue;
    if (isKept(turn, pending.record)) pending.receipts.add(state.self.peer);
    const needed = copiesNeeded(turn);
    if (pending.receipts.size >= needed) {
      state.pending.delete(pending.request);
      answer(turn, pending);
    } else if (turn.now >= pending.askAt) {
      ask(turn, pending, pending.record);
    }
  }
}

/** Before the first exchange after a start the living are not known: three copies, or a wait. */
function copiesNeeded(turn: Turn): number {
  const { openAt } = turn.state;
  if (openAt !== null && turn.now < openAt) return HOLDERS;
  return Math.max(1, Math.min(HOLDERS, livingStorers(turn).length));
}

function answer(turn: Turn, pending: Pending): void {
  const { request, job, receipts } = pending;
  if (pending.ofEnd) {
    turn.state.copies.set(job, receipts.size);
    turn.change(job);
  }
  turn.emit({ kind: 'answer', request, result: { kind: 'kept', job, copies: receipts.size } });
  for (const earlier of [...turn.state.pending.values()]) {
    if (earlier.supersededBy !== request) continue;
    turn.state.pending.delete(earlier.request);
    answer(turn, { ...earlier, receipts });
  }
}

function ask(turn: Turn, pending: Pending, record: Hash): void {
  const { state } = turn;
  const job = state.jobs.get(pending.job);
  if (job === undefined) return;
  pending.askAt = turn.now + state.timing.askMs;
  const near = new Set(neighbours(turn));
  const holders = holdersOf(turn, job.computation, job.manifest.owner);
  // A holder that no stream leads to cannot be asked: others that are near stand in for it.
  const asked = holders.filter((peer) => peer === state.self.peer || near.has(peer));
  for (const peer of near) {
    if (asked.length >= HOLDERS) break;
    if (!asked.includes(peer)) asked.push(peer);
  }
  for (const peer of asked) {
    if (peer === state.self.peer || pending.receipts.has(peer)) continue;
    turn.send(peer, { kind: 'ask', hashes: [record] });
  }
}

/**
 * Keeps a wait on the right record: the certificate once the job has ended, and an op that another
 * writer was ahead of is issued again above that one.
 */
function followJob(turn: Turn, pending: Pending): void {
  const job = turn.state.jobs.get(pending.job);
  if (job === undefined) return;
  const { change } = pending;
  if (pending.ofEnd) {
    if (pending.record !== null) return;
    if (job.ending !== null) pending.record = job.ending.certificate;
    else if (!job.active) answerNow(turn, pending);
    return;
  }
  if (change === null) return;
  const winner = job.ops.get(change.kind);
  if (pending.record === null || winner === undefined || winner.hash === pending.record) return;
  const isOver = pending.supersededBy !== null || pending.reissues >= MAX_REISSUES;
  if (change.kind === 'cancel' || isOver) {
    // Any cancel will do: it absorbs. Of other words the last one stands if somebody goes on.
    pending.record = winner.hash;
  } else {
    pending.reissues++;
    pending.record = append(turn, 'control', nextOp(turn, job, change));
  }
  pending.receipts.clear();
  pending.askAt = 0;
}

function answerNow(turn: Turn, pending: Pending): void {
  const { request, job } = pending;
  turn.state.pending.delete(request);
  turn.emit({ kind: 'answer', request, result: { kind: 'kept', job, copies: 0 } });
}
