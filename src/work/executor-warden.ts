// A thread of an executor that holds the candidates to their limits: they may never return to the
// event loop. It also ends the executor when its peer is gone, where nothing else does.
import { fstatSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { LEDGER_FD } from './executor-descriptors.ts';
import { noteReason, type Reason } from './ledger.ts';
import { residentBytesOfChildren, visibleProcesses } from './process-tree.ts';
import { measureTree } from './sandbox/measure-tree.ts';
import type { FolderLimit } from './sandbox/sandbox.ts';
import { bytesOfUnnamedFiles } from './sandbox/unnamed-files.ts';

/** What the warden watches. */
export interface Wardship {
  /**
   * The index of the candidate in hand, or −1, and 1 while the executor waits for its peer; shared
   * with the thread that evaluates.
   */
  readonly cell: SharedArrayBuffer;
  readonly timeoutMs: number | null;
  readonly memoryBytes: number | null;
  /** The process id of the peer, or null where another program ends orphans. */
  readonly peer: number | null;
  readonly scratch: FolderLimit;
  /** Where a sandbox's commands may write beside the folders that are theirs; or null. */
  readonly common: FolderLimit | null;
  /** Where a sandbox's commands have their outputs, and may write what they like; or null. */
  readonly outputs: string | null;
  /** Of the sandbox that it is in, which holds nothing else; null: it is in none. */
  readonly mostProcesses: number | null;
}

/** Between two looks where a candidate has a limit, or a folder is half measured. */
const LOOK_MS = 10;

/** Between two looks else: each takes the processor from the candidates for a moment. */
const SELDOM_MS = 50;

/** Else, while the executor has nothing to do. Many of them wait on a machine that is busy. */
const IDLE_MS = 250;

/** A command has two outputs, each of which may be as long as its scratch folder is large. */
const OUTPUTS = 2;

/** The ledger has some numbers; user code may write to it as well, and fill the disk. */
const MOST_LEDGER_BYTES = 4096;

/** Between two looks at the processes that user code started. */
const CHILDREN_MS = 100;

/** A look that comes later than this shows that the whole process stood still, in ms. */
const STILL_MS = 2000;

/** Between the begins of two measurements of a folder. */
const FOLDERS_MS = 500;

/** Measurements of the common folder, one after the other, that say it has too much. */
const OVERFULL_LOOKS = 4;

const wardship = workerData as Wardship;
const { cell, timeoutMs, memoryBytes, peer, scratch, common, outputs, mostProcesses } = wardship;
const inHand = new Float64Array(cell);
let watched = -1;
let spentMs = 0;
let lastLook = performance.now();
let lastChildrenLook = lastLook;
let childrenBytes = 0;
let writer = -1;
let before = 0;
let written = 0;
let overfull = 0;

/** Measures a folder again and again, a part at a time: a large one is not to delay other looks. */
class Meter {
  readonly #folder: string;
  #measuring: ReturnType<typeof measureTree> | null = null;
  #begunAt = lastLook;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get isBusy(): boolean {
    return this.#measuring !== null;
  }

  /** Goes on with it. Returns the bytes when they are known, or that they are more; else null. */
  look(mostBytes: number): number | null {
    if (this.#measuring === null) {
      if (lastLook - this.#begunAt < FOLDERS_MS) return null;
      this.#begunAt = lastLook;
      this.#measuring = measureTree(this.#folder, mostBytes);
    }
    const bytes = this.#measuring.next().value;
    if (typeof bytes !== 'number') return null;
    this.#measuring = null;
    return bytes;
  }
}

const scratchMeter = new Meter(scratch.folder);
const commonMeter = common === null ? null : new Meter(common.folder);
const outputsMeter = outputs === null ? null : new Meter(outputs);

function end(reason: Reason, amount: number): void {
  try {
    noteReason(inHand[0] ?? -1, reason, amount);
  } catch {
    // User code closed the ledger: nobody will know why.
  }
  killAll();
}

// User code must not go on unwatched, whatever it did to what is watched.
process.on('uncaughtException', killAll);

function killAll(): void {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    // No process groups here (Windows).
    process.kill(process.pid, 'SIGKILL');
  }
}

function lookAtTime(limitMs: number, passedMs: number): void {
  const index = inHand[0] ?? -1;
  // The clock starts when a candidate is first seen, so that none has less than its time.
  const ownMs = inHand[1] === 1 ? 0 : Math.min(passedMs, STILL_MS);
  spentMs = index === watched ? spentMs + ownMs : 0;
  watched = index;
  if (index >= 0 && spentMs >= limitMs) end('timeout', spentMs);
}

function lookAtMemory(limitBytes: number, childrenToo: boolean): void {
  if (childrenToo) childrenBytes = residentBytesOfChildren(process.pid);
  const bytes = process.memoryUsage.rss() + childrenBytes;
  if (bytes > limitBytes) end('memory', bytes);
}

/** It has no name, and what is in it is in no folder that is measured. */
function lookAtLedger(): void {
  const { size } = fstatSync(LEDGER_FD);
  if (size > MOST_LEDGER_BYTES) end('scratch', size);
}

function lookAtScratch(mostBytes: number): void {
  lookAtLedger();
  const bytes = scratchMeter.look(mostBytes);
  if (bytes === null) return;
  const all = bytes + bytesOfUnnamedFiles();
  if (all > mostBytes) end('scratch', all);
}

/**
 * Its commands' own folders are measured one by one, and this is for what they write beside them.
 * Who fills its own is found out meanwhile, and no other command ends for that.
 */
function lookAtCommon(meter: Meter, mostBytes: number): void {
  const bytes = meter.look(mostBytes);
  if (bytes === null) return;
  overfull = bytes > mostBytes ? overfull + 1 : 0;
  if (overfull === OVERFULL_LOOKS) end('folder', bytes);
}

/** Outputs stay when their command is over: what the candidate in hand adds is counted. */
function lookAtOutputs(meter: Meter, mostBytes: number): void {
  const index = inHand[0] ?? -1;
  if (index !== writer) before = written;
  writer = index;
  const bytes = meter.look(before + mostBytes);
  if (bytes === null) return;
  written = bytes;
  if (bytes > before + mostBytes) end('scratch', bytes);
}

function look(): void {
  const now = performance.now();
  const passedMs = now - lastLook;
  lastLook = now;
  const childrenToo = now - lastChildrenLook >= CHILDREN_MS;
  if (childrenToo) lastChildrenLook = now;
  if (peer !== null && process.ppid !== peer) killAll();
  if (timeoutMs !== null) lookAtTime(timeoutMs, passedMs);
  if (memoryBytes !== null) lookAtMemory(memoryBytes, childrenToo);
  if (mostProcesses !== null && childrenToo) {
    const count = visibleProcesses();
    if (count > mostProcesses) end('processes', count);
  }
  lookAtScratch(scratch.bytes);
  if (common !== null && commonMeter !== null) lookAtCommon(commonMeter, common.bytes);
  if (outputsMeter !== null) lookAtOutputs(outputsMeter, OUTPUTS * scratch.bytes);
  const meters = [scratchMeter, commonMeter, outputsMeter];
  const isUrgent = timeoutMs !== null || memoryBytes !== null || meters.some((one) => one?.isBusy);
  const isIdle = inHand[0] === -1;
  setTimeout(look, isUrgent ? LOOK_MS : isIdle ? IDLE_MS : SELDOM_MS);
}

setTimeout(look, LOOK_MS);

// The clock of the first candidates would begin late, were they evaluated before this.
parentPort?.postMessage('ready');
