import { MeshError, type MeshErrorCode } from '../core/mesh-error.ts';
import type { Summary } from '../node/mesh.ts';

/** Exit codes of every command. They last. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  cancelled: 4,
  partial: 5,
  interrupted: 130,
} as const;

/** What each code means, for --help. */
export const EXIT_HELP: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.done, 'done'],
  [EXIT.failed, 'failed, impure, or an item of map or a command of run failed'],
  [EXIT.usage, 'a wrong argument; nothing was changed'],
  [EXIT.unreachable, 'no mesh or peer reachable'],
  [EXIT.cancelled, 'cancelled'],
  [
    EXIT.partial,
    '--max-evals or --deadline came before the target; the partial answer was written',
  ],
  [EXIT.interrupted, 'interrupted'],
];

const BY_ERROR: Readonly<Record<MeshErrorCode, number>> = {
  MESH_USAGE: EXIT.usage,
  MESH_NO_FILE: EXIT.usage,
  MESH_BAD_FUNCTION: EXIT.usage,
  MESH_BAD_PARAMS: EXIT.usage,
  MESH_BAD_INVITE: EXIT.usage,
  MESH_OTHER_MESH: EXIT.usage,
  MESH_NO_BOOTSTRAP: EXIT.unreachable,
  MESH_NO_PEER: EXIT.unreachable,
  MESH_REFUSED: EXIT.unreachable,
  MESH_NOT_MEMBER: EXIT.unreachable,
  MESH_HOME_IN_USE: EXIT.usage,
  MESH_HOME_UNUSABLE: EXIT.usage,
  MESH_PORT_IN_USE: EXIT.usage,
  MESH_UNKNOWN_JOB: EXIT.usage,
  MESH_AMBIGUOUS: EXIT.usage,
  MESH_UNTRUSTED: EXIT.usage,
  MESH_JOB_ENDED: EXIT.usage,
  MESH_NOT_EVALUATED: EXIT.usage,
  MESH_DISK_FULL: EXIT.failed,
  MESH_STOPPED: EXIT.unreachable,
  MESH_INTERNAL: EXIT.failed,
};

/** The exit code of an error: a TypeError is a wrong argument. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof MeshError) return BY_ERROR[error.code];
  return error instanceof TypeError ? EXIT.usage : EXIT.failed;
}

/**
 * The exit code of a job that ended; 0 for one that has not. For map, lost items count, and error
 * lines: those of commands are not in the summary.
 */
export function exitCodeOfJob(
  summary: Summary,
  kind: 'accept' | 'map',
  errorLines: number = 0,
): number {
  switch (summary.status) {
    case 'failed':
    case 'impure':
      return EXIT.failed;
    case 'cancelled':
      return EXIT.cancelled;
    case 'partial':
      return EXIT.partial;
    case 'done': {
      const lost = Math.max(summary.errors, errorLines) + summary.skipped.length;
      return kind === 'map' && lost > 0 ? EXIT.failed : EXIT.done;
    }
    case 'running':
    case 'paused':
    case 'stuck':
      return EXIT.done;
  }
}
