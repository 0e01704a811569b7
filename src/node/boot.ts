import type { Hash } from '../core/ids.ts';
import type { Store } from '../store/store.ts';
import type { Loop } from './loop.ts';
import { machineLoad } from './machine-load.ts';

/** The local entries of a store. */
export async function readLocals(store: Store): Promise<Map<string, Uint8Array>> {
  const locals = new Map<string, Uint8Array>();
  for await (const [key, bytes] of store.locals()) locals.set(key, bytes);
  return locals;
}

/** Tells the core all that is on disk. others: somebody else may be there to ask. */
export async function boot(
  loop: Loop,
  store: Store,
  locals: ReadonlyMap<string, Uint8Array>,
  others: boolean,
): Promise<void> {
  loop.dispatch({ kind: 'wall', wallMs: Date.now() });
  loop.dispatch({ kind: 'load', load: machineLoad() });
  loop.dispatch({ kind: 'tombstones', locals });
  for await (const { scope, origin, start, n, body } of store.records()) {
    loop.dispatch({ kind: 'loaded', group: { scope, origin, start, records: [[n, body]] } });
  }
  const blobs: Hash[] = [];
  for await (const hash of store.blobs()) blobs.push(hash);
  loop.dispatch({ kind: 'booted', blobs, locals, known: others });
}
