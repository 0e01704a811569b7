import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Limits } from '../core/limits.ts';
import { commandEnvironment } from './command/command-spec.ts';
import { EXECUTOR_VARIABLE } from './executor-mark.ts';
import { bubblewrapWords, type Mount, NETWORK_SETTINGS, SYSTEM } from './sandbox/bubblewrap.ts';
import { type GrantedMounts, openGranted } from './sandbox/open-granted.ts';
import { OWN_CODE } from './sandbox/own-code.ts';
import { permissionFlags } from './sandbox/permission-flags.ts';
import type { ProcessCap } from './sandbox/process-cap.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { scratchIn } from './sandbox/scratch.ts';
import { whyNoPermission } from './sandbox/tiers.ts';

/** What of a memory limit is not for V8's old objects: node itself, code, young objects. */
const BESIDE_HEAP_BYTES = 2 ** 26;
const MIB = 2 ** 20;

/** A function; one that keeps a worker process (exec/line-worker.ts); commands of a shell. */
export type ExecutorKind = 'function' | 'worker' | 'commands';

/** All that decides how an executor's process is started. */
export interface ExecutorStart {
  readonly kind: ExecutorKind;
  readonly sandbox: Sandbox;
  readonly limits: Limits;
  /** By which what it starts is found again, or null where its sandbox ends all that. */
  readonly mark: string | null;
  /** The descriptor of its ledger. */
  readonly ledger: number;
  /** Its own folder: its program is put there, and its scratch folder lies there. */
  readonly folder: string;
  /** Where long outputs of its commands go; it exists. */
  readonly outputs: string;
  /** A program that runs another one and has it killed when its parent dies, or null: a thread. */
  readonly leash: string | null;
  /** How much it yields to other programs, 0 … 19. */
  readonly nice: number;
  /** What else limits the processes of a sandbox. */
  readonly cap: ProcessCap;
}

/** Environment that functions see. Time zone and language are the same on every machine. */
const OF_FUNCTIONS = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot'] as const;
/** What of that is left in a sandbox: the rest names folders that are not in it. */
const OF_HELD_FUNCTIONS = ['PATH', 'SystemRoot'] as const;

/** Of an executor, before what its sandbox is handed (see executor-descriptors.ts). */
function stdioOf(ledger: number): ('ignore' | 'pipe' | 'overlapped' | number)[] {
  // Of the two ways of its channel it reads one in its event loop, and writes the other outright.
  return ['ignore', 'ignore', 'pipe', 'overlapped', ledger, 'pipe'];
}

const NOTHING_GRANTED: GrantedMounts = { mounts: [], descriptors: [] };

// The same ending as this file: .ts in a checkout, .js when built.
const ENDING: string = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
const SCRIPT: string = fileURLToPath(new URL(`./executor-child${ENDING}`, import.meta.url));

/** Starts the process of an executor. @throws Error for a tier that cannot hold this kind. */
export function startExecutor(start: ExecutorStart): ChildProcess {
  const { kind, sandbox, folder, leash } = start;
  const node = [process.execPath, ...nodeFlags(start)];
  const isWrapped = sandbox.tier === 'bwrap';
  if (sandbox.tier === 'permission' && kind !== 'function') {
    throw new Error('the tier permission holds no processes that user code starts');
  }
  // Killed with its peer, it could not end what a command started: it watches its peer instead.
  const stdio = stdioOf(start.ledger);
  const granted = isWrapped ? openGranted(sandbox, stdio.length) : NOTHING_GRANTED;
  const guard = isWrapped
    ? wrapping(start, granted.mounts)
    : leash === null || kind === 'commands'
      ? []
      : leashed(leash);
  const [program = '', ...words] = [...guard, ...node];
  // In a sandbox it is the child of the sandbox, which ends it.
  const parent = isWrapped ? 1 : process.pid;
  const script = [SCRIPT, String(parent), guard.length === 0 ? 'watch' : 'leash'];
  const child = spawn(program, [...words, ...script], {
    stdio: [...stdio, ...granted.descriptors],
    // A process group of its own: no Ctrl-C from the terminal, and killed with all it started.
    detached: true,
    cwd: folder,
    env: environmentOf(start),
  });
  for (const descriptor of granted.descriptors) closeSync(descriptor);
  try {
    if (child.pid !== undefined) setPriority(child.pid, start.nice);
  } catch {
    // Not allowed here: heartbeats then compete with user code.
  }
  return child;
}

function leashed(leash: string): string[] {
  return [leash, '--pdeathsig', 'KILL', '--'];
}

function environmentOf({ kind, sandbox, folder, mark }: ExecutorStart): NodeJS.ProcessEnv {
  const scratch = scratchIn(folder);
  const marked = mark === null ? {} : { [EXECUTOR_VARIABLE]: mark };
  const own = { TMPDIR: scratch, MESHD_SCRATCH: scratch, ...marked };
  const home = sandbox.tier === 'none' ? {} : { HOME: scratch };
  if (kind === 'commands') return { ...commandEnvironment(process.env, {}), ...home, ...own };
  const env: NodeJS.ProcessEnv = { TZ: 'UTC', LC_ALL: 'en_US.UTF-8', ...marked };
  for (const name of sandbox.tier === 'none' ? OF_FUNCTIONS : OF_HELD_FUNCTIONS) {
    if (process.env[name] !== undefined) env[name] = process.env[name];
  }
  return kind === 'worker' ? { ...env, ...home, ...own } : env;
}

function nodeFlags({ kind, sandbox, limits, folder }: ExecutorStart): string[] {
  const isHeld = kind === 'function' && sandbox.tier !== 'none' && whyNoPermission() === null;
  const { memoryBytes } = limits;
  return [
    ...(isHeld ? permissionFlags(sandbox, folder) : []),
    // V8 ends a process by itself that keeps more objects; what is no object the warden sees.
    ...(memoryBytes === null
      ? []
      : [`--max-old-space-size=${Math.floor((memoryBytes - BESIDE_HEAP_BYTES) / MIB)}`]),
  ];
}

function wrapping(
  { kind, sandbox, folder, outputs, cap }: ExecutorStart,
  granted: readonly Mount[],
): string[] {
  const own = (path: string, writable: boolean): Mount => ({ path, writable, required: true });
  const mounts = [
    ...SYSTEM,
    ...(sandbox.net ? NETWORK_SETTINGS : []),
    ...granted,
    own(process.execPath, false),
    ...OWN_CODE.map((path) => ({ ...own(path, false), required: false })),
    own(folder, false),
    own(scratchIn(folder), true),
    ...(kind === 'commands' ? [own(outputs, true)] : []),
  ];
  const { net } = sandbox;
  const words = bubblewrapWords({ net, mounts, folder, temporary: scratchIn(folder) });
  return [...cap.outside, 'bwrap', ...words, '--', ...cap.inside];
}
