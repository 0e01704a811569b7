import {
  askForWanted,
  giveBlob,
  loseBlob,
  readRoot,
  seekBlobs,
  takeBlob,
  takeNone,
  want,
} from './blobs.ts';
import { boot, load } from './boot.ts';
import { limitTo, takeKin, takeOffer, trust, wantJob } from './duty.ts';
import { settleEnds } from './ending.ts';
import type { Effect, Env, PeerEvent } from './event.ts';
import { takeEnd, takeFailure, takePart } from './execution.ts';
import { beatIfDue, hear, watchRoster } from './heart.ts';
import { assertNever, type PeerId } from './ids.ts';
import { openLeases, release, stopLease } from './lease-book.ts';
import type { Message } from './message.ts';
import { takeNearness } from './nearness.ts';
import type { PeerState } from './peer-state.ts';
import { askToQuit, takeQuit } from './quit.ts';
import { giveReceipts, settlePending, takeAsk, takeReceipt } from './receipts.ts';
import { dropEarly, receive } from './records.ts';
import { isRemoved, remove } from './removal.ts';
import {
  confirm,
  enforceDeadlines,
  operate,
  publish,
  refuseWaiting,
  skip,
  verify,
} from './requests.ts';
import { collect, readTombstones, takeCollected } from './retention.ts';
import { schedule } from './scheduler.ts';
import { setSlots } from './slots.ts';
import {
  greet,
  pushMade,
  syncIfDue,
  takeDigests,
  takePull,
  takeRecords,
  takeSummary,
} from './sync.ts';
import { Turn } from './turn.ts';
import { riseAboveTwin } from './twin.ts';
import { dropVerification } from './verification.ts';

/** A gap between two ticks that shows that this process itself stood still, in ms. */
const STALL_MS = 1500;

/**
 * One step of a peer: takes an event, changes the state, returns what the world is to do. The same
 * state, event and env give the same effects. The effects are in order; a `store` effect comes
 * before everything of the same step that is sent.
 */
export function step(state: PeerState, event: PeerEvent, env: Env): Effect[] {
  const turn = new Turn(state, env);
  handle(turn, event);
  if (!state.booted) return turn.finish();
  settleEnds(turn);
  schedule(turn);
  if (turn.touched.size > 0) seekBlobs(turn);
  giveReceipts(turn);
  settlePending(turn);
  pushMade(turn);
  beatIfDue(turn);
  return turn.finish();
}

function handle(turn: Turn, event: PeerEvent): void {
  const { state } = turn;
  switch (event.kind) {
    case 'tick':
      return tick(turn);
    case 'wall':
      state.wallMs = event.wallMs;
      enforceDeadlines(turn);
      return collect(turn);
    case 'resumed':
      turn.beat = true;
      state.nextSyncAt = turn.now;
      return turn.log('info', 'machine.resumed');
    case 'tombstones':
      return readTombstones(turn, event.locals);
    case 'loaded':
      return load(turn, event);
    case 'booted':
      return boot(turn, event);
    case 'limit':
      return limitTo(turn, event.job);
    case 'on-demand':
      state.wanted = new Set();
      return;
    case 'want':
      return wantJob(turn, event.job);
    case 'trust':
      return trust(turn, event.peers);
    case 'load':
      state.load = event.load;
      return;
    case 'offer':
      return takeOffer(turn, event.offer);
    case 'kin':
      return takeKin(turn, event.peers);
    case 'nearness':
      return takeNearness(turn, event.computation, event.far, event.held);
    case 'slots':
      return setSlots(turn, event.slots);
    case 'addresses':
      state.addresses = event.addresses.slice(0, 8);
      turn.beat = true;
      return;
    case 'message':
      return takeMessage(turn, event.from, event.message);
    case 'connected':
      return takeConnected(turn, event.peer);
    case 'disconnected':
      state.roster.connected(event.peer, false);
      state.connected.delete(event.peer);
      if (event.reset) state.roster.evidence(event.peer, turn.now);
      return turn.change(null);
    case 'refused':
      return state.roster.evidence(event.peer, turn.now);
    case 'stored':
      state.stored = Math.max(state.stored, event.write);
      return;
    case 'disk':
      return takeDisk(turn, event.full);
    case 'blob.read':
      return readRoot(turn, event.hash, event.bytes);
    case 'blob.lost':
      return loseBlob(turn, event.hash);
    case 'part':
      return takePart(turn, event.execution, event.part);
    case 'failed':
      return takeFailure(turn, event.execution, event.index, event.failure);
    case 'ended':
      return takeEnd(turn, event.execution);
    case 'publish':
      return publish(turn, event);
    case 'operate':
      return operate(turn, event);
    case 'skip':
      return skip(turn, event);
    case 'remove':
      return remove(turn, event);
    case 'confirm':
      return confirm(turn, event);
    case 'forget.request':
      state.pending.delete(event.request);
      dropVerification(turn, event.request);
      return;
    case 'verify':
      return verify(turn, event);
    case 'fetch':
      want(turn, event.hash, true);
      return askForWanted(turn);
    case 'quit':
      return askToQuit(turn);
    case 'stop':
      return stop(turn, event.drain);
    default:
      return assertNever(event);
  }
}

function tick(turn: Turn): void {
  const { state, now } = turn;
  const gap = now - state.lastTick;
  if (state.lastTick > 0 && gap > STALL_MS) {
    state.roster.stretch(gap);
    turn.log('warn', 'loop.stalled', { gapMs: Math.round(gap) });
  }
  state.lastTick = now;
  if (!state.booted) return;
  riseAboveTwin(turn);
  watchRoster(turn);
  syncIfDue(turn);
  if (now >= state.nextSeekAt) {
    state.nextSeekAt = now + 500;
    dropEarly(turn);
    seekBlobs(turn);
  }
}

function takeConnected(turn: Turn, peer: PeerId): void {
  const { state } = turn;
  if (isRemoved(turn, peer)) return;
  state.connected.add(peer);
  state.roster.connected(peer, true);
  greet(turn, peer);
  turn.change(null);
}

function takeDisk(turn: Turn, full: boolean): void {
  const { state } = turn;
  if (state.diskFull === full) return;
  state.diskFull = full;
  turn.beat = true;
  if (full) {
    for (const own of openLeases(state)) stopLease(turn, own, 'kill');
    refuseWaiting(turn);
  }
  turn.log(full ? 'error' : 'info', full ? 'disk.full' : 'disk.free');
}

/** Frees what is claimed and tells the others; nothing is claimed afterwards. */
function stop(turn: Turn, drain: boolean): void {
  const { state } = turn;
  state.stopped = true;
  state.leaving = true;
  for (const own of openLeases(state)) {
    stopLease(turn, own, drain ? 'drain' : 'kill');
    // Nobody may be left to tell of its end: a lease found at the next start would count as lost.
    if (!drain) release(turn, own, null);
  }
  turn.beat = true;
  state.nextBeatAt = turn.now;
  turn.hurry();
}

function takeMessage(turn: Turn, from: PeerId, message: Message): void {
  if (isRemoved(turn, from)) return;
  switch (message.kind) {
    case 'heartbeat':
      hear(turn, from, message);
      if (turn.state.connected.has(message.register.peer)) {
        turn.state.roster.connected(message.register.peer, true);
      }
      return;
    case 'announce':
      for (const group of message.groups) receive(turn, group, { peer: from });
      return;
    case 'digests':
      return takeDigests(turn, from, message);
    case 'summary':
      return takeSummary(turn, from, message);
    case 'pull':
      return takePull(turn, from, message.scope, message.logs);
    case 'records':
      return takeRecords(turn, from, message.groups);
    case 'ask':
      return takeAsk(turn, from, message.hashes);
    case 'receipt':
      return takeReceipt(turn, from, message.hashes);
    case 'want':
      return giveBlob(turn, from, message.hash);
    case 'blob':
      return takeBlob(turn, from, message.hash, message.bytes);
    case 'none':
      return takeNone(turn, from, message.hash);
    case 'collected':
      return takeCollected(turn, message);
    case 'quit':
      return takeQuit(turn, from, message);
    default:
      return assertNever(message);
  }
}
