import { ANSWER_BUGS } from './answer.ts';
import { CONTROL_BUGS } from './control.ts';
import { DISK_BUGS } from './disk.ts';
import { LIFE_BUGS } from './life.ts';
import type { Bug } from './plant.ts';
import { WORK_BUGS } from './work.ts';

/** All bugs that can be planted. Each has to break an invariant within some hundred worlds. */
export const BUGS: readonly Bug[] = [
  ...[...ANSWER_BUGS, ...DISK_BUGS, ...CONTROL_BUGS, ...LIFE_BUGS, ...WORK_BUGS],
];

/** @throws Error when there is none of that name. */
export function bugNamed(name: string): Bug {
  const bug = BUGS.find((each) => each.name === name);
  if (bug === undefined) throw new Error(`no bug ${name}`);
  return bug;
}
