import type { Part, PeerEvent } from '../../../src/core/event.ts';
import type { Machine } from '../world/machine.ts';

type PartEvent = Extract<PeerEvent, { kind: 'part' }>;

/**
 * Makes a machine tell its peer of outcomes as the node does: the batches of an execution are
 * merged until it ends, or for as long as the execution allows.
 */
export function gatherParts(machine: Machine): void {
  const dispatch = machine.dispatch.bind(machine);
  const gathered = new Map<number, PartEvent>();
  let { run } = machine;
  const flush = (execution: number): void => {
    const event = gathered.get(execution);
    gathered.delete(execution);
    if (event !== undefined) dispatch(event);
  };
  machine.dispatch = (event: PeerEvent): void => {
    if (machine.run !== run) gathered.clear();
    run = machine.run;
    if (event.kind === 'part') {
      const before = gathered.get(event.execution);
      const part = before === undefined ? event.part : joined(before.part, event.part);
      const whole: PartEvent = { ...event, part };
      gathered.set(event.execution, whole);
      const order = machine.executors.executions().find(({ id }) => id === event.execution);
      if (before === undefined) machine.after(order?.tellMs ?? 0, () => flush(event.execution));
      return;
    }
    if (event.kind === 'ended' || event.kind === 'failed') flush(event.execution);
    dispatch(event);
  };
}

function joined(before: Part, after: Part): Part {
  const [a, b] = [before.accepted[0], after.accepted[0]];
  const isPlain = before.accepted.length <= 1 && after.accepted.length <= 1;
  let accepted = [...before.accepted, ...after.accepted];
  if (isPlain && a?.kind === 'number' && b?.kind === 'number') {
    const indices = Float64Array.of(...a.indices, ...b.indices);
    accepted = [{ kind: 'number', indices, values: Float64Array.of(...a.values, ...b.values) }];
  }
  return {
    ...{ lo: before.lo, hi: after.hi, accepted },
    ...{ errors: [...before.errors, ...after.errors], ms: before.ms + after.ms },
  };
}
