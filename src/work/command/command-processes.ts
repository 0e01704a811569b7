import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';

const { SIGTERM, SIGKILL } = constants.signals;

/** Between two looks at what is left: at first, and at most. */
const LOOK_MS = 10;
const MOST_LOOK_MS = 200;
/** What SIGKILL does not end in this time is beyond us: another user's, or stuck in the kernel. */
const GIVE_UP_MS = 5000;

/** Which processes belong to a command, or to all commands of a shell. */
export interface Belonging {
  /** All that descends from this process belongs, itself not. */
  readonly shell: { readonly pid: number | undefined } | undefined;
  /** So does all that has this in the environment that it was started with. */
  readonly mark: string;
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Of two processes that had one pid after another it tells which is meant. */
  readonly startTicks: string;
}

/**
 * Ends processes and all that descends from them: SIGTERM, and SIGKILL for what is left `graceMs`
 * later (0: SIGKILL at once). What one of them starts after its SIGTERM, to clean up, has that
 * time, too. Resolves with the last signal sent, when nothing is left. Finds nothing where there is
 * no /proc: only Linux tells.
 */
export async function endProcesses(belonging: Belonging, graceMs: number): Promise<number> {
  const start = performance.now();
  const known = new Map<number, string>();
  let signal: number = graceMs > 0 ? SIGTERM : SIGKILL;
  for (let looks = 0; ; looks += 1) {
    const left = belongingProcesses(belonging, known);
    const spentMs = performance.now() - start;
    if (left.length === 0 || spentMs > graceMs + GIVE_UP_MS) return signal;
    if (spentMs >= graceMs) signal = SIGKILL;
    const untold = left.filter(({ pid, parent }) => !known.has(pid) && !known.has(parent));
    for (const { pid, startTicks } of left) known.set(pid, startTicks);
    for (const { pid } of signal === SIGKILL ? left : untold) send(pid, signal);
    await wait(Math.min(LOOK_MS * 2 ** looks, MOST_LOOK_MS));
  }
}

/** The living processes that belong, those that were known before among them. */
function belongingProcesses({ shell, mark }: Belonging, known: Map<number, string>): Process[] {
  const all = livingProcesses();
  const children = Map.groupBy(all, ({ parent }) => parent);
  const top = shell?.pid;
  const found = new Set(top === undefined ? [] : children.get(top));
  for (const process of all) {
    const { pid, startTicks } = process;
    if (pid !== top && (known.get(pid) === startTicks || isMarked(pid, mark))) found.add(process);
  }
  // A set's loop also visits what is added meanwhile.
  for (const { pid } of found) for (const child of children.get(pid) ?? []) found.add(child);
  return [...found];
}

function livingProcesses(): Process[] {
  try {
    const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
    return pids.flatMap((pid) => processOf(pid) ?? []);
  } catch {
    // Not Linux.
    return [];
  }
}

function processOf(pid: number): Process | undefined {
  const text = procText(pid, 'stat');
  // The name before these fields may hold blanks and brackets.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent] = fields;
  const startTicks = fields[19];
  // Ended: its parent has not asked yet.
  if (state === 'Z' || state === 'X' || startTicks === undefined) return undefined;
  return { pid, parent: Number(parent), startTicks };
}

function isMarked(pid: number, mark: string): boolean {
  return procText(pid, 'environ').includes(mark);
}

function procText(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    // It ended meanwhile, or it is another user's.
    return '';
  }
}

function send(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile, or it is another user's.
  }
}
