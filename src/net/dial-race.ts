import { setTimeout as delay } from 'node:timers/promises';
import type { Address } from './addresses.ts';

/**
 * Dials the addresses of one peer in their order. The next one starts when one failed, or took
 * longer than `stepMs` of the next one: behind a firewall an address does not answer at all. The
 * first direct connection ends the race; a relayed one only ends further starts, as the direct
 * ways that are under way may still come. `attempt` says whether it connected; it never throws.
 */
export async function dialRace(
  addresses: readonly Address[],
  attempt: (address: Address, signal: AbortSignal) => Promise<boolean>,
  stepMs: (next: Address) => number,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const running: Promise<void>[] = [];
  let isConnected = false;
  for (const [k, address] of addresses.entries()) {
    if (isConnected || either.aborted) break;
    const dialed = attempt(address, either).then((connects) => {
      isConnected ||= connects;
      if (connects && address.relay === null) over.abort(new Error('another address was faster'));
    });
    running.push(dialed);
    const next = addresses[k + 1];
    if (next !== undefined) await Promise.race([dialed, pause(stepMs(next), either)]);
  }
  await Promise.all(running);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal, ref: false });
  } catch {
    // The race is over, and with it the waiting.
  }
}
