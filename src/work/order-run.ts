import { type Executor, LoadError } from './executor.ts';
import type { Span } from './executor-message.ts';
import { PartGatherer } from './part-gatherer.ts';
import type { Pool } from './pool.ts';
import type { WorkFailure, WorkHandlers, WorkInputs, WorkOrder } from './workforce.ts';

/** A batch in which an executor died is tried again in so many pieces. */
const PIECES = 16;
/** Items fetched and sent at a time. */
const ITEMS = 64;

/** What one order needs beside its inputs. */
export interface OrderContext {
  readonly pool: Pool;
  readonly handlers: WorkHandlers;
  log(level: 'warn' | 'debug', event: string, fields: object): void;
  /** Called once, before `handlers.ended`. */
  over(): void;
}

/**
 * One order on its way through executors. When an executor dies, the batch that it had in hand is
 * tried again by a fresh one in pieces, those again in pieces, until the index that fails alone is
 * known; that is told, and the order goes on behind it.
 */
export class OrderRun {
  #order: WorkOrder;
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
  #diedLoading = false;
  #state: 'open' | 'draining' | 'over' = 'open';

  constructor(order: WorkOrder, inputs: WorkInputs, context: OrderContext) {
    this.#order = order;
    this.#inputs = inputs;
    this.#context = context;
    this.#at = order.lo;
    this.#sent = order.lo;
    this.#parts = new PartGatherer(order, (part) => context.handlers.part(part));
    this.#use(order.fresh ? this.#start() : context.pool.take(inputs, this.#logs()));
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

  /** Ends without a word to the handlers. */
  abandon(): void {
    this.#state = 'over';
    this.#parts.discard();
  }

  #start(): Executor {
    return this.#context.pool.start(this.#inputs, this.#logs());
  }

  #logs(): (index: number, line: string) => void {
    const { computation } = this.#inputs;
    return (index, line) => this.#context.handlers.log(computation, index, line);
  }

  #use(executor: Executor): void {
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
        this.#parts.add(batch);
        if (this.#at === this.#order.hi) this.#end('finished', 'keep');
        else if (this.#at === this.#sent) this.#send(executor);
      },
      failure: (index, failure) => this.#failed(executor, index, failure),
      drained: () => this.#end('stopped', 'keep'),
      died: (failure) => this.#died(executor, failure),
    });
    this.#sent = this.#at;
    // Its answer to the drain may have come already or be on its way: not one to keep.
    if (this.#state === 'draining') this.#end('stopped', 'kill');
    else this.#send(executor);
  }

  #send(executor: Executor): void {
    const careful = this.#careful !== null && this.#careful.until > this.#at ? this.#careful : null;
    const { items } = this.#inputs;
    if (items === undefined) {
      this.#sent = this.#order.hi;
      executor.start({ lo: this.#at, hi: this.#order.hi, careful });
      return;
    }
    const lo = this.#sent;
    const hi = Math.min(this.#order.hi, lo + ITEMS);
    items(lo, hi).then(
      (texts) => {
        if (this.#executor !== executor || this.#state !== 'open') return;
        this.#sent = hi;
        executor.start({ lo, hi, careful, items: texts });
      },
      (error: unknown) => {
        this.#context.log('warn', 'order.no-items', { lo, hi, error: String(error) });
        if (this.#executor === executor) this.#end('stopped', 'keep');
      },
    );
  }

  /** A candidate threw what is no outcome: it counts once it did so in a fresh executor. */
  #failed(executor: Executor, index: number, failure: WorkFailure): void {
    if (executor.fresh) {
      this.#tellFailure(index, failure);
      if (this.#at === this.#order.hi) this.#end('finished', 'keep');
      else if (this.#state === 'draining') return;
      else this.#send(executor);
      return;
    }
    executor.kill();
    this.#again(1);
  }

  #died(executor: Executor, failure: WorkFailure): void {
    if (this.#at === this.#sent) {
      // It had nothing in hand.
      this.#again(0);
      return;
    }
    const size = Math.min(executor.batchSize, this.#order.hi - this.#at);
    this.#context.log('debug', 'executor.died', { lo: this.#at, size, ...failure });
    // The first batch of an executor is one candidate.
    if (executor.fresh) {
      this.#tellFailure(this.#at, failure);
      if (this.#at === this.#order.hi) {
        this.#end('finished', 'kill');
        return;
      }
      this.#careful = null;
      this.#again(0);
      return;
    }
    this.#again(size);
  }

  /** Goes on in a fresh executor; carefully in the next `size` candidates. */
  #again(size: number): void {
    if (this.#state !== 'open') {
      this.#end('stopped', 'kill');
      return;
    }
    if (size > 0) this.#careful = { until: this.#at + size, step: Math.ceil(size / PIECES) };
    this.#use(this.#start());
  }

  #tellFailure(index: number, failure: WorkFailure): void {
    this.#parts.skip(index);
    this.#at = index + 1;
    this.#sent = this.#at;
    this.#context.handlers.failed(this.#order.id, index, failure);
  }

  #notLoaded(executor: Executor, error: unknown): void {
    if (this.#executor !== executor || this.#state === 'over') return;
    executor.kill();
    const failure: WorkFailure =
      error instanceof LoadError ? error.failure : { kind: 'setup', detail: String(error) };
    // Once it may have been a kill from outside.
    if (!executor.alive && !this.#diedLoading && this.#state === 'open') {
      this.#diedLoading = true;
      this.#use(this.#start());
      return;
    }
    if (this.#state === 'open') this.#tellFailure(this.#at, failure);
    this.#end('stopped', 'kill');
  }

  #end(reason: 'finished' | 'stopped', executor: 'keep' | 'kill'): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    const used = this.#executor;
    this.#executor = null;
    if (used !== null) {
      if (executor === 'kill' || this.#order.fresh) used.kill();
      else this.#context.pool.release(this.#inputs.computation, used);
    }
    this.#parts.flush();
    this.#context.over();
    this.#context.handlers.ended(this.#order.id, reason);
  }
}
