import type { Computation } from './computation.ts';
import type { Choice } from './record.ts';
import { choicePayload } from './record-codec.ts';
import type { Turn } from './turn.ts';

/** Heartbeats for which the lease of a command stands unopposed before the command starts. */
const UNOPPOSED_BEATS = 2;

/** Outcomes of commands are told so soon: what was not told runs again when its machine dies. */
export const COMMAND_TELL_MS = 50;

/**
 * For how long a claimed interval waits before it starts, in ms: a command is not to run twice, and
 * another peer may have claimed it at the same time. Functions start at once, and so does all that
 * this peer has for itself.
 */
export function waitsUnopposedMs({ state, now }: Turn, { isPure }: Computation): number {
  if (isPure) return 0;
  const others = state.roster.all().some(([, view]) => {
    return view.register.slots > 0 && state.roster.state(view, now) !== 'dead';
  });
  return others ? UNOPPOSED_BEATS * state.timing.heartbeatMs * state.roster.spacing : 0;
}

/** The owner's words on commands that ran twice: what it knew first counts. */
export function chooseFirst(
  turn: Turn,
  computation: Computation,
  indices: readonly number[],
): Choice[] {
  if (computation.spec.commandsOf !== turn.state.self.peer) return [];
  return indices.flatMap((index) => {
    const of = computation.recordAt(index);
    if (of === undefined) return [];
    const named = { computation: computation.id, index, of };
    return [{ kind: 'choice', ...named, signature: turn.env.sign(choicePayload(named)) }];
  });
}
