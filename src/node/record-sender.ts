import { setTimeout as sleep } from 'node:timers/promises';
import type { Effect } from '../core/event.ts';
import type { Hash } from '../core/ids.ts';
import { IntervalSet } from '../core/interval-set.ts';
import type { Network } from '../net/network.ts';
import type { Store } from '../store/store.ts';
import type { Journal } from './journal.ts';

/** Bytes of record bodies in one message. */
const MESSAGE_BYTES = 524_288;

/** Tries while a peer's queue is full, and the time between two. */
const TRIES = 50;
const PAUSE_MS = 100;

/** Sends the asked records of one log, as many as are on this disk, in messages of half a MiB. */
export async function sendRecords(
  journal: Journal,
  store: Store,
  network: Network,
  effect: Extract<Effect, { kind: 'send.records' }>,
): Promise<void> {
  const { to, scope, origin, start, ranges } = effect;
  await journal.flush();
  const left = new IntervalSet(ranges);
  while (!left.isEmpty()) {
    const group = await store.read(scope, origin, start, left.toArray(), MESSAGE_BYTES);
    const last = group.records.at(-1);
    if (last === undefined) return;
    const sent = await patiently(network, to, { kind: 'records', groups: [group] });
    if (!sent) return;
    left.remove(0, last[0] + 1);
  }
}

/** Sends a blob, or says that it is not here. */
export async function sendBlob(
  blobs: { blob(hash: Hash): Promise<Uint8Array | undefined> },
  network: Network,
  effect: Extract<Effect, { kind: 'send.blob' }>,
): Promise<void> {
  const { to, hash } = effect;
  const bytes = await blobs.blob(hash);
  await patiently(
    network,
    to,
    bytes === undefined ? { kind: 'none', hash } : { kind: 'blob', hash, bytes },
  );
}

/** What cannot be sent within five seconds is left to the next exchange. */
async function patiently(
  network: Network,
  to: string,
  message: Parameters<Network['send']>[1],
): Promise<boolean> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (network.send(to, message)) return true;
    if (!network.connections().some(({ peer }) => peer === to)) return false;
    await sleep(PAUSE_MS);
  }
  return false;
}
