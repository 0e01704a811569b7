import type { LogKeeper } from '../logs/log-keeper.ts';
import type { NetworkHandlers } from '../net/network.ts';
import type { WorkHandlers } from '../work/workforce.ts';
import type { Loop } from './loop.ts';

type Log = NetworkHandlers['log'];

/** Hands what the network tells to the loop. */
export function networkHandlers(loop: Loop, log: Log): NetworkHandlers {
  return {
    message: (from, message) => loop.dispatch({ kind: 'message', from, message }),
    connected: (peer) => loop.dispatch({ kind: 'connected', peer }),
    disconnected: (peer, reset) => loop.dispatch({ kind: 'disconnected', peer, reset }),
    refused: (peer) => loop.dispatch({ kind: 'refused', peer }),
    addresses: (addresses) => loop.dispatch({ kind: 'addresses', addresses }),
    log,
  };
}

/** Hands what the executors tell to the loop, which is made after them, and to the logs. */
export function workHandlers(loop: () => Loop | null, logs: LogKeeper): WorkHandlers {
  return {
    part: ({ id, ...part }) => {
      // What they made is kept before anybody hears of it.
      loop()?.transfers.folders.done(id, part.hi);
      loop()?.dispatch({ kind: 'part', execution: id, part });
    },
    failed: (id, index, failure) =>
      loop()?.dispatch({ kind: 'failed', execution: id, index, failure }),
    ended: (id, reason) => {
      loop()?.dispatch({ kind: 'ended', execution: id, finished: reason === 'finished' });
      loop()?.transfers.folders.over(id);
    },
    output: (computation, index, piece) => loop()?.live.tell(computation, index, piece),
    log: (computation) => ({
      line: (line) => logs.keep(computation, line),
      dropped: (index, lines) => logs.drop(computation, index, lines),
      notice: (text) => logs.notice(computation, text),
    }),
  };
}
