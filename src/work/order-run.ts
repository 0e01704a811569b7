import { MeshError } from '../core/mesh-error.ts';
import { type Executor, LoadError } from './executor.ts';
import type { Span } from './executor-message.ts';
import { ItemError } from './item-error.ts';
import { conditionText } from './log-condition.ts';
import { PartGatherer } from './part-gatherer.ts';
import type { Pool } from './pool.ts';
import { UNHEARD, type WorkLog } from './work-log.ts';
import type { WorkFailure, WorkHandlers, WorkInputs, WorkOrder } from './workforce.ts';

/** A batch in which an executor died is tried again in so many pieces. */
const PIECES = 16;
/** What is not larger is not cut in pieces: the executor writes down what it has in hand. */
const WRITTEN_DOWN = 65_536;
/** How long a slot takes nothing on after no executor could be made. */
const REST_MS = 1000;
/** Executors in a row that may die with nothing in hand, while items are fetched for them. */
const IDLE_DEATHS = 3;
/** Items fetched and sent at a time: at first, and at most, of short ones. */
const ITEMS = 64;
const MOST_ITEMS = 1024;
/** Characters of items above which no more of them are sent at a time. */
const SHORT_CHARACTERS = 65_536;

/** What one order needs beside its inputs. */
export interface OrderContext {
  readonly pool: Pool;
  readonly handlers: WorkHandlers;
  /** No other order has it meanwhile; from 1. */
  readonly slot: number;
  log(level: 'warn' | 'debug', event: string, fields: object): void;
  /** Is told why no executor could be started; null: one was. */
  noExecutor(why: Error | null): void;
  /** Called once, before `handlers.ended`. */
  over(): void;
}

/** Where the order is to halt: what is before it in its batch was lost, and is evaluated again. */
interface Halt {
  readonly index: number;
  /** Why the index failed; null: it is to be tried alone. */
  readonly failure: WorkFailure | null;
}

/**
 * One order on its way through executors. When an executor dies, a fresh one evaluates again what
 * was before the index in hand, and another one that index alone; where it is not known the batch
 * is tried again in pieces until it is. An index that fails alone, or over its time, is told, and
 * the order goes on behind it.
 */
export class OrderRun {
  #order: WorkOrder;
  #condition: Pick<Span, 'logIf' | 'slot'>;
  #inputs: WorkInputs;
  #context: OrderContext;
  #parts: PartGatherer;
  #executor: Executor | null = null;
  /** The first index without an outcome. */
  #at: number;
  /** Where spans were sent up to. */
  #sent: number;
  /** Below `until`, an executor died: go in steps. */
  #careful: Span['careful'] = null;
  #halt: Halt | null = null;
  #items = ITEMS;
  #diedLoading = false;
  #diedIdle = 0;
  #state: 'open' | 'draining' | 'over' = 'open';

  constructor(order: WorkOrder, inputs: WorkInputs, context: OrderContext) {
    this.#order = order;
    const { logIf } = order;
    this.#condition = {
      ...(logIf === undefined ? {} : { logIf: conditionText(logIf) }),
      ...(inputs.commands === true ? { slot: context.slot } : {}),
    };
    this.#inputs = inputs;
    this.#context = context;
    this.#at = order.lo;
    this.#sent = order.lo;
    this.#parts = new PartGatherer(order, (part) => context.handlers.part(part));
    const isNew = order.fresh || order.each;
    this.#use(() => (isNew ? this.#start() : context.pool.take(inputs, order.limits, this.#log())));
  }

  stop(mode: 'drain' | 'kill'): void {
    if (this.#state === 'over') return;
    if (mode === 'kill') {
      this.#executor?.kill();
      // The handlers are not called from within the caller's own call.
      queueMicrotask(() => this.#end('stopped', 'kill'));
      return;
    }
    if (this.#state === 'draining') return;
    this.#state = 'draining';
    this.#executor?.drain();
  }

  /** Tells what has ended and was not told yet. */
  tellNow(): void {
    this.#parts.flush();
  }

  /** Ends without a word to the handlers. */
  abandon(): void {
    this.#state = 'over';
    this.#parts.discard();
  }

  #start(): Executor {
    return this.#context.pool.start(this.#inputs, this.#order.limits, this.#log());
  }

  #log(): WorkLog {
    if (this.#order.unlogged === true) return UNHEARD;
    return this.#context.handlers.log(this.#inputs.computation);
  }

  #use(start: () => Executor): void {
    this.#executor = null;
    let executor: Executor;
    try {
      executor = start();
    } catch (error) {
      // A full disk, or no descriptors left: no candidate's fault. Its slot is to rest a while.
      this.#context.noExecutor(error instanceof Error ? error : new Error(String(error)));
      setTimeout(() => this.#end('stopped', 'kill'), REST_MS).unref();
      return;
    }
    if (executor.fresh) this.#context.noExecutor(null);
    this.#executor = executor;
    executor.loaded.then(
      () => this.#begin(executor),
      (error: unknown) => this.#notLoaded(executor, error),
    );
  }

  #begin(executor: Executor): void {
    if (this.#executor !== executor || this.#state === 'over') return;
    executor.listen({
      batch: (batch) => {
        this.#at = batch.hi;
        this.#diedIdle = 0;
        this.#parts.add(batch);
        if (this.#at === this.#order.hi) this.#end('finished', 'keep');
        else if (executor.worn || this.#order.each) this.#replace(executor);
        else if (this.#at === this.#halt?.index) this.#halted(executor, this.#halt);
        else if (this.#at === this.#sent) this.#send(executor);
      },
      failure: (index, failure) => this.#failed(executor, index, failure),
      drained: () => this.#end('stopped', 'keep'),
      died: (failure, index) => this.#died(executor, failure, index),
    });
    this.#sent = this.#at;
    // Its answer to the drain may have come already or be on its way: not one to keep.
    if (this.#state === 'draining') this.#end('stopped', 'kill');
    else this.#send(executor);
  }

  #send(executor: Executor): void {
    const careful = this.#careful !== null && this.#careful.until > this.#at ? this.#careful : null;
    const { items, itemsAtOnce } = this.#inputs;
    const next = this.#order.each ? this.#at + 1 : this.#order.hi;
    const end = Math.min(this.#halt?.index ?? next, next);
    if (items === undefined) {
      this.#sent = end;
      executor.start({ lo: this.#at, hi: end, careful, ...this.#condition });
      return;
    }
    const lo = this.#sent;
    const hi = Math.min(end, lo + (itemsAtOnce ?? this.#items));
    items(lo, hi).then(
      (texts) => {
        if (this.#executor !== executor || this.#state !== 'open') return;
        const given = lo + texts.length;
        this.#sent = given;
        const characters = texts.reduce((sum, text) => sum + text.length, 0);
        const isShort = characters < SHORT_CHARACTERS;
        this.#items = isShort ? Math.min(this.#items * 2, MOST_ITEMS) : ITEMS;
        executor.start({ lo, hi: given, careful, items: texts, ...this.#condition });
      },
      (error: unknown) => {
        // Of these whoever was to give them says it once.
        const isTold = error instanceof ItemError || error instanceof MeshError;
        const level = isTold ? 'debug' : 'warn';
        this.#context.log(level, 'order.no-items', { lo, hi, error: String(error) });
        if (this.#executor !== executor) return;
        if (error instanceof ItemError && this.#state === 'open') {
          this.#missed(executor, lo, error.failure);
        } else this.#end('stopped', 'keep');
      },
    );
  }

  /** The item at hand cannot be had here. */
  #missed(executor: Executor, index: number, failure: WorkFailure): void {
    this.#giveUp(index, failure);
    if (this.#at === this.#order.hi) this.#end('finished', 'keep');
    else this.#send(executor);
  }

  /** A candidate threw what is no outcome: it counts once it did so in a fresh executor. */
  #failed(executor: Executor, index: number, failure: WorkFailure): void {
    if (executor.fresh) {
      this.#giveUp(index, failure);
      if (this.#at === this.#order.hi) this.#end('finished', 'keep');
      else if (this.#state === 'draining') return;
      else this.#send(executor);
      return;
    }
    executor.retire();
    this.#again(1);
  }

  #died(executor: Executor, failure: WorkFailure, noted: number | null): void {
    const [at, sent] = [this.#at, this.#sent];
    if (at === sent) {
      // It had nothing in hand: once or twice that may have been a kill from outside.
      this.#diedIdle += 1;
      if (this.#diedIdle < IDLE_DEATHS) {
        this.#again(0);
        return;
      }
      if (this.#state === 'open') this.#giveUp(at, failure);
      this.#end('stopped', 'kill');
      return;
    }
    const known = noted !== null && noted >= at && noted < sent ? noted : null;
    const size = Math.min(executor.batchSize, sent - at);
    this.#context.log('debug', 'executor.died', { lo: at, size, index: known, ...failure });
    // Its time is a candidate's own, whatever ran before it. Else it must be alone: the first batch
    // of an executor is one candidate.
    const counts = (failure.kind === 'timeout' && known !== null) || executor.fresh;
    // One that told what cannot come from it may be in another candidate by the time it is ended,
    // though nothing was heard of the first one.
    const index = executor.fresh ? at : (known ?? at);
    if (counts && index === at) {
      this.#careful = null;
      this.#giveUp(index, failure);
      if (this.#at === this.#order.hi) this.#end('finished', 'kill');
      else this.#again(0);
      return;
    }
    if (known === null) {
      this.#again(size);
      return;
    }
    this.#halt = known === at ? null : { index: known, failure: counts ? failure : null };
    this.#again(0);
  }

  /** Goes on in another executor: this one was told to be done, or each candidate has its own. */
  #replace(executor: Executor): void {
    executor.retire();
    const halt = this.#halt;
    if (this.#at === halt?.index) {
      this.#halt = null;
      if (halt.failure !== null) this.#giveUp(halt.index, halt.failure);
    }
    if (this.#at === this.#order.hi) this.#end('finished', 'kill');
    else this.#again(0);
  }

  /** What was lost before an index has its outcomes again. */
  #halted(executor: Executor, { index, failure }: Halt): void {
    this.#halt = null;
    if (failure === null) {
      executor.retire();
      this.#again(0);
      return;
    }
    this.#giveUp(index, failure);
    if (this.#at === this.#order.hi) this.#end('finished', 'keep');
    else if (this.#state === 'open') this.#send(executor);
  }

  /** Goes on in a fresh executor; carefully in the next `size` candidates. */
  #again(size: number): void {
    if (this.#state !== 'open') {
      this.#end('stopped', 'kill');
      return;
    }
    const step = size > WRITTEN_DOWN ? Math.ceil(size / PIECES) : size;
    if (size > 0) this.#careful = { until: this.#at + size, step };
    this.#use(() => this.#start());
  }

  #giveUp(index: number, failure: WorkFailure): void {
    this.#parts.skip(index);
    this.#at = index + 1;
    this.#sent = this.#at;
    this.#context.handlers.failed(this.#order.id, index, failure);
    const halt = this.#halt;
    if (halt === null || halt.index > this.#at) return;
    // All before it is done: it is next, or it failed before.
    this.#halt = null;
    if (halt.failure !== null && halt.index === this.#at) this.#giveUp(halt.index, halt.failure);
  }

  #notLoaded(executor: Executor, error: unknown): void {
    if (this.#executor !== executor || this.#state === 'over') return;
    executor.kill();
    const failure: WorkFailure =
      error instanceof LoadError ? error.failure : { kind: 'setup', detail: String(error) };
    // Once it may have been a kill from outside.
    if (!executor.alive && !this.#diedLoading && this.#state === 'open') {
      this.#diedLoading = true;
      this.#use(() => this.#start());
      return;
    }
    if (this.#state === 'open') this.#giveUp(this.#at, failure);
    this.#end('stopped', 'kill');
  }

  #end(reason: 'finished' | 'stopped', executor: 'keep' | 'kill'): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    const used = this.#executor;
    this.#executor = null;
    if (used !== null) {
      const { fresh, each } = this.#order;
      if (executor === 'kill' || fresh || each) used.retire();
      else this.#context.pool.release(used);
    }
    this.#parts.flush();
    this.#context.over();
    this.#context.handlers.ended(this.#order.id, reason);
  }
}
