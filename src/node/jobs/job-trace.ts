import type { LogLine } from '../../core/log-line.ts';
import type { Draw } from '../../work/candidate/trace.ts';
import type { Rerun, TraceListener, Usage } from '../../work/workforce.ts';

/** What is told of a candidate that is evaluated again; `end` is the last. */
export type TraceEvent =
  | ({ readonly kind: 'log' } & LogLine)
  | ({ readonly kind: 'draw' } & Draw)
  | ({ readonly kind: 'usage' } & Usage)
  | { readonly kind: 'end'; readonly rerun: Rerun };

/** What a listener hears, as it comes: a rerun's log and draws are limited in number. */
export async function* traceEvents(
  run: (listener: TraceListener) => Promise<Rerun>,
): AsyncGenerator<TraceEvent> {
  let events: TraceEvent[] = [];
  let wake = Promise.withResolvers<void>();
  const tell = (event: TraceEvent): void => {
    events.push(event);
    wake.resolve();
  };
  const running = run({
    line: (line) => tell({ kind: 'log', ...line }),
    draw: (draw) => tell({ kind: 'draw', ...draw }),
    usage: (usage) => tell({ kind: 'usage', ...usage }),
  });
  running.then(
    (rerun) => tell({ kind: 'end', rerun }),
    (error: unknown) => wake.reject(error),
  );
  for (;;) {
    await wake.promise;
    const told = events;
    events = [];
    wake = Promise.withResolvers<void>();
    // It may fail while nobody waits.
    wake.promise.catch(() => undefined);
    yield* told;
    if (told.at(-1)?.kind === 'end') return;
  }
}
