import { slotsOf } from '../../core/lease-book.ts';
import type { PeerState } from '../../core/peer-state.ts';
import { busySlots } from '../../core/slots.ts';
import type { Network } from '../../net/network.ts';
import type { PeerRow } from '../mesh.ts';

/** One row for each peer of the roster, this one first. */
export function peerRows(state: PeerState, network: Network, now: number): PeerRow[] {
  const links = new Map(network.connections().map((link) => [link.peer, link]));
  const rows: PeerRow[] = [ownRow(state)];
  for (const [peer, view] of state.roster.all()) {
    const link = links.get(peer);
    const { name, start, slots, tags, leases, load, version, mathClass, addresses } = view.register;
    const liveness = state.roster.state(view, now);
    const running = leases.filter((lease) => lease.running);
    const busy = running.reduce((sum, { job }) => sum + slotsOf(state, job), 0);
    rows.push({
      ...{ peer, name, self: false, state: liveness },
      ...{ via: link?.via ?? 'none', relay: link?.relay ?? null, rttMs: link?.rttMs ?? null },
      ...{
        slots,
        busy,
        idle: liveness === 'alive' ? Math.max(0, slots - busy) : 0,
        tags,
        load: loadOf(load),
      },
      ...{ version, mathClass, addresses, startedAt: start.incarnation * 1000 },
    });
  }
  return rows;
}

function ownRow(state: PeerState): PeerRow {
  const { peer, name, slots, version, mathClass } = state.self;
  const busy = busySlots(state);
  return {
    ...{ peer, name, self: true, state: 'alive', via: 'self', relay: null, rttMs: 0 },
    ...{ slots, busy, idle: Math.max(0, slots - busy), load: loadOf(state.load) },
    ...{ tags: state.offer.tags, version, mathClass, addresses: state.addresses },
    startedAt: state.start.incarnation * 1000,
  };
}

function loadOf(hundredths: number | null): number | null {
  return hundredths === null ? null : hundredths / 100;
}
