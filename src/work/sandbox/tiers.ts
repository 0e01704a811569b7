import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { bubblewrapWords, SYSTEM } from './bubblewrap.ts';
import type { Tier } from './sandbox.ts';

/** A tier that hangs when it is tried is not there, after so many ms. */
const TRIAL_MS = 10_000;

/** What this machine can do; of each tier the reason why not, or null. */
export interface Tiers {
  readonly permission: string | null;
  readonly bwrap: string | null;
}

/** Tries each tier once, as executors use it. */
export async function probeTiers(env: NodeJS.ProcessEnv = process.env): Promise<Tiers> {
  return { permission: whyNoPermission(), bwrap: await whyNoBubblewrap(env) };
}

/** Why Node's permission model cannot be used here, or null. */
export function whyNoPermission(): string | null {
  if (process.allowedNodeEnvironmentFlags.has('--permission')) return null;
  return `Node ${process.versions.node} has no --permission: it needs 22.13 or later`;
}

/** Says whether the tier `permission` holds back the network, too. */
export function permissionHoldsNetwork(): boolean {
  return process.allowedNodeEnvironmentFlags.has('--allow-net');
}

async function whyNoBubblewrap(env: NodeJS.ProcessEnv): Promise<string | null> {
  if (process.platform !== 'linux') return 'bubblewrap is for Linux alone';
  try {
    const words = bubblewrapWords({ net: false, mounts: SYSTEM, folder: '/' });
    const trial = promisify(execFile)('bwrap', [...words, '--', 'true'], {
      ...{ env, timeout: TRIAL_MS },
    });
    await trial;
    return null;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') return 'bwrap is not installed (package bubblewrap)';
    const line = (stderr ?? '').trim().split('\n').at(-1) ?? '';
    return `bwrap does not work here: ${line === '' ? String(error) : line}`.slice(0, 200);
  }
}

/** The tightest tier that a machine can do for functions, and for what starts processes. */
export function tightest(tiers: Tiers, startsProcesses: boolean): Tier {
  if (tiers.bwrap === null) return 'bwrap';
  // Node's model holds no program that it starts.
  return tiers.permission === null && !startsProcesses ? 'permission' : 'none';
}
