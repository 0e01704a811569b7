// The process that evaluates candidates. Its arguments: the peer's process id, and `watch` when
// nothing else ends it with its peer.
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import workerThreads from 'node:worker_threads';
import { piecesOf } from './batch-pieces.ts';
import { guardArrays } from './candidate/array-guard.ts';
import { nextBatchSize } from './candidate/batch-size.ts';
import { clipText } from './candidate/clip-text.ts';
import { createCondition } from './candidate/condition.ts';
import { createEvaluator, type Evaluator } from './candidate/evaluate.ts';
import { type LoadedProgram, loadProgram } from './candidate/load-program.ts';
import { createLogJudge, type LogJudge } from './candidate/log-judge.ts';
import { type CandidateLog, createLog } from './candidate/log-lines.ts';
import { createLogSender } from './candidate/log-sender.ts';
import { createStreams, type Streams } from './candidate/rng.ts';
import { shadowGlobals } from './candidate/shadow-globals.ts';
import { describeThrown, describeWhole } from './candidate/thrown.ts';
import { type Draw, traceStreams } from './candidate/trace.ts';
import { FROM_PEER_FD, LEDGER_FD, TO_PEER_FD } from './executor-descriptors.ts';
import { hearPeer, tellPeer } from './executor-end.ts';
import { type FromExecutor, MOST_DETAIL, type Span, type ToExecutor } from './executor-message.ts';
import type { Wardship } from './executor-warden.ts';
import { closeAll, closeInheritedFiles } from './inherited-files.ts';
import { noteIndex } from './ledger.ts';
import { MOST_PROCESSES } from './process-tree.ts';
import { rawKill, refuseReach } from './sandbox/refuse-reach.ts';
import { Scratch } from './sandbox/scratch.ts';
import { createWear, type Wear } from './wear.ts';

/** Of batches up to this size, each candidate is written down: it takes 0.2 ms or more then. */
const NOTED_CANDIDATES = 256;
/** Frames of a stack that a trace tells. */
const TRACED_FRAMES = 200;
/** And up to this size where an executor died before. */
const NOTED_IN_CARE = 65_536;

// V8's middle compiler would copy the user's function into the loop around it, and slow candidates
// then stay in that copy, four times slower than the function's own best code, for twenty seconds.
setFlagsFromString('--no-maglev-inlining');

// Node opens its debugger at this signal.
process.on('SIGUSR1', () => undefined);

// bwrap sets it: folders differ between machines.
Reflect.deleteProperty(process.env, 'PWD');

// A batch queue tells all processes of a job to end. When executors do, their peer decides.
process.on('SIGTERM', () => undefined);

type PrepareMessage = Extract<ToExecutor, { kind: 'prepare' }>;
type LoadMessage = Extract<ToExecutor, { kind: 'load' }>;

const [, , peer, watch] = process.argv;
const now = () => performance.now();
/** The candidate in hand; and 1 while it waits for the peer, which is not its own time. */
const at = new Float64Array(new SharedArrayBuffer(16));
at[0] = -1;
function send(message: FromExecutor): void {
  at[1] = 1;
  tellPeer(message, endAll);
  at[1] = 0;
}
const note = () => noteIndex(at);
const { now: wallClock } = Date;
const { setImmediate } = globalThis;
const { parse } = JSON;
let preparing: Promise<PrepareMessage> | undefined;
let loadedProgram: LoadedProgram | undefined;
let drawnFrom: Streams | undefined;
let evaluator: Evaluator | undefined;
let wear: Wear | undefined;
let candidateLog: CandidateLog | undefined;
let size = 1;
/** Each candidate is told by itself: it took effect, and the next one may take long. */
let singly = false;
/** The number of the slot that this is, while it has a span. */
let slot = 1;
let working = false;
let leaving = false;
/** In a trace: tells what the candidate took. */
let tellUsage: (() => void) | undefined;
/** What decides which logs are kept, and the expression that it is of. */
const judging: { judge: LogJudge | null; logIf: string | null } = { judge: null, logIf: null };
/** A batch was evaluated here. */
let begun = false;
/** The token of the drain that was asked for while a batch was in hand. */
let draining: number | null = null;

const sender = createLogSender({
  settled: (isKept) => send({ kind: 'log.settled', isKept }),
  send(lines) {
    send({ kind: 'log', lines });
    return true;
  },
  dropped: (index, lines) => send({ kind: 'log.dropped', index, lines }),
  soon: setImmediate,
  now,
});

/** Ends this process and all that user code started: they are one process group. */
function endAll(): void {
  kill(-process.pid, constants.signals.SIGKILL);
  // No process groups here (Windows).
  process.exit(1);
}

/** User code gets others where its sandbox refuses threads and signals. */
const { Worker } = workerThreads;
const kill = rawKill();

/** A candidate may never return to the event loop: another thread holds it to its limits. */
function startWarden(prepared: PrepareMessage): Promise<unknown> {
  const { limits, tier, scratch, common, outputs } = prepared;
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
  const cell = at.buffer as SharedArrayBuffer;
  const wardship: Wardship = {
    ...{ cell, ...limits, scratch, common, peer: watch === 'watch' ? Number(peer) : null },
    mostProcesses: tier === 'bwrap' ? MOST_PROCESSES : null,
    outputs: tier === 'none' ? null : outputs,
  };
  const url = new URL(`./executor-warden${ending}`, import.meta.url);
  const warden = new Worker(url, { workerData: wardship, env: {} });
  warden.unref();
  return once(warden, 'message');
}

/** Whether the warden is there from the beginning, or once somebody asks for a scratch folder. */
function isWatched({ limits: { timeoutMs, memoryBytes }, tier }: PrepareMessage): boolean {
  // In a sandbox no user code must see how a thread is made.
  return timeoutMs !== null || memoryBytes !== null || watch === 'watch' || tier !== 'none';
}

/** All that can be done before it is known what is evaluated. */
async function prepare(message: PrepareMessage): Promise<PrepareMessage> {
  closeAll(message.inherited);
  if (isWatched(message)) await startWarden(message);
  if (process.permission !== undefined) refuseReach();
  return message;
}

async function load(message: LoadMessage, prepared: PrepareMessage): Promise<void> {
  const { limits, outputs } = prepared;
  const { memoryBytes } = limits;
  const scratch = new Scratch(prepared.scratch.folder, () => {
    if (!isWatched(prepared)) void startWarden(prepared);
  });
  const plain = createStreams(message.seed);
  if (message.trace) Error.stackTraceLimit = TRACED_FRAMES;
  const traced = message.trace ? traceStreams(plain, tellDraw) : null;
  const { streams, random } = traced ?? { streams: plain, random: plain.rng.uniform };
  const drawn = outputs === null ? () => plain.drawn() : () => null;
  if (message.trace) tellUsage = usageTeller(drawn);
  const log = createLog({ tell: sender, index: () => at[0] ?? -1, now, wallClock });
  candidateLog = log;
  shadowGlobals(random, log.at);
  streams.openSetup();
  process.setSourceMapsEnabled(true);
  try {
    const program = await programOf(message, outputs);
    const worn = createWear({ memoryBytes, residentBytes: process.memoryUsage.rss, now });
    const { isFull } = worn;
    evaluator = createEvaluator({
      ...{ program, streams, log: log.at('info'), scratch, at, note, isFull, now },
      judging,
      describe: message.trace ? describeWhole : describeThrown,
      restore: guardArrays(),
    });
    wear = worn;
    loadedProgram = program;
    drawnFrom = plain;
    const seedless = plain.drawn() === 0;
    send({ kind: 'loaded', teardown: program.teardown !== undefined, seedless });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    send({ kind: 'refused', detail: clipText(detail, MOST_DETAIL) });
  }
}

async function programOf(
  { file, params }: LoadMessage,
  outputs: string | null,
): Promise<LoadedProgram> {
  if (outputs === null) return loadProgram(() => import(file), JSON.parse(params));
  singly = true;
  const { commandSpec } = await import('./command/command-spec.ts');
  const { loadCommands } = await import('./command/command-program.ts');
  await mkdir(outputs, { recursive: true, mode: 0o700 });
  const common = JSON.parse(await readFile(fileURLToPath(file), 'utf8')) as object;
  return loadCommands(commandSpec({ ...common, ...JSON.parse(params) }), outputs, {
    ready: () => true,
    tell: (index, piece) => send({ kind: 'output', index, piece }),
    slot: () => slot,
  });
}

/** Evaluates a span, a batch a turn of the event loop, so that messages are heard. */
async function work(span: Span, evaluate: Evaluator): Promise<void> {
  let lo = span.lo;
  slot = span.slot ?? 1;
  judgeBy(span.logIf ?? null);
  while (lo < span.hi && draining === null && !leaving) {
    const most = batchSize(span, lo);
    const items = span.items?.slice(lo - span.lo, lo - span.lo + most);
    const hi = Math.min(span.hi, lo + most);
    // Where it may die alone, what it logged is safe with the peer.
    if (judging.judge !== null) candidateLog?.hold(!begun || isInCare(span, lo) ? 'there' : 'here');
    const batch = await evaluate(lo, hi, items, isNoted(span, lo, hi - lo));
    begun = true;
    tellUsage?.();
    if (batch.hi > lo && !singly) size = nextBatchSize(batch.hi - lo, batch.ms);
    lo = batch.hi;
    // A rejection that nobody handled ends this process here, before its candidate is told.
    await turn();
    candidateLog?.flush();
    sender.flush();
    const { failure } = batch;
    const worn = wear?.isWorn() === true;
    const next = batchSize(span, lo);
    for (const piece of piecesOf(batch)) {
      const isLast = piece.hi === lo;
      const { lo: from, hi, column, errors, ms } = piece;
      const more = { worn: worn && isLast, next: isLast ? next : lo - hi };
      send({ kind: 'batch', lo: from, hi, column, errors, ms, ...more });
    }
    if (failure !== undefined) {
      const detail = clipText(failure.detail, MOST_DETAIL);
      send({ kind: 'failure', index: lo, failure: { kind: failure.kind, detail } });
      break;
    }
    if (worn) break;
  }
  if (draining !== null) send({ kind: 'drained', token: draining });
  draining = null;
}

function tellDraw(draw: Draw): void {
  if ((at[0] ?? -1) < 0) return;
  // What was logged before it comes before it.
  sender.flush();
  send({ kind: 'draw', draw });
}

/** Tells what was used from now on. */
function usageTeller(drawn: () => number | null): () => void {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    const residentBytes = process.resourceUsage().maxRSS * 1024;
    const usage = { drawn: drawn(), residentBytes, cpuMs: (user + system) / 1000 };
    sender.flush();
    send({ kind: 'usage', usage });
  };
}

/** What comes is of another computation: its candidates draw from another seed's streams. */
function reseed(seed: number): void {
  drawnFrom?.reseed(seed);
  // A notice is for each computation.
  judging.logIf = null;
  judging.judge = null;
  candidateLog?.hold('no');
}

/** From now on an expression decides what of the log is kept; null: all is. */
function judgeBy(logIf: string | null): void {
  if (judging.logIf === logIf || candidateLog === undefined) return;
  const notice = (text: string): void => {
    send({ kind: 'log.notice', text: clipText(text, MOST_DETAIL) });
  };
  const options = { log: candidateLog, notice, at, now };
  judging.logIf = logIf;
  judging.judge = logIf === null ? null : createLogJudge(createCondition(parse(logIf)), options);
  candidateLog.hold('no');
}

/** Calls the program's teardown, which its peer gives some time, and ends this process. */
async function leave(): Promise<void> {
  send({ kind: 'leaving' });
  at[0] = -1;
  const { teardown, state, params } = loadedProgram ?? {};
  try {
    await teardown?.({ state, params });
  } catch (thrown) {
    const { detail } = describeThrown(thrown);
    candidateLog?.at('error')(`teardown threw ${detail}`);
  }
  candidateLog?.flush();
  sender.flush();
  send({ kind: 'drained', token: -1 });
  endAll();
}

function batchSize(span: Span, lo: number): number {
  return span.careful !== null && lo < span.careful.until
    ? Math.min(size, span.careful.step)
    : size;
}

function isInCare({ careful }: Span, lo: number): boolean {
  return careful !== null && lo < careful.until;
}

function isNoted(span: Span, lo: number, size: number): boolean {
  return size <= (isInCare(span, lo) ? NOTED_IN_CARE : NOTED_CANDIDATES);
}

async function hear(message: ToExecutor): Promise<void> {
  switch (message.kind) {
    case 'prepare':
      preparing = prepare(message);
      return;
    case 'load':
      if (preparing !== undefined) await load(message, await preparing);
      return;
    case 'reseed':
      reseed(message.seed);
      return;
    case 'span':
      if (evaluator === undefined) return;
      working = true;
      await work(message.span, evaluator);
      working = false;
      if (leaving) await leave();
      return;
    case 'leave':
      leaving = true;
      if (!working) await leave();
      return;
    case 'drain':
      if (working) draining = message.token;
      else send({ kind: 'drained', token: message.token });
  }
}

closeInheritedFiles([FROM_PEER_FD, LEDGER_FD, TO_PEER_FD]);
hearPeer((message) => void hear(message), endAll);
if (process.ppid !== Number(peer)) endAll();
