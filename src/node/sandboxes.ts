import { realpathSync } from 'node:fs';
import { rests, serves, unmet } from '../core/duty.ts';
import type { ComputationId, PeerId } from '../core/ids.ts';
import type { JobState } from '../core/job-state.ts';
import { MeshError } from '../core/mesh-error.ts';
import { isUnder, type Needs, type Offer } from '../core/needs.ts';
import type { PeerState } from '../core/peer-state.ts';
import { isWorkerProgram } from '../work/exec/worker-mark.ts';
import { OPEN, type Sandbox, type Tier } from '../work/sandbox/sandbox.ts';
import {
  permissionHoldsNetwork,
  probeTiers,
  type Tiers,
  tightest,
  whyNoPermission,
} from '../work/sandbox/tiers.ts';
import type { WorkInputs } from '../work/workforce.ts';
import { whyUnmet } from './reports/not-here.ts';

/** What holds user code on a machine, for people. */
export interface SandboxReport {
  /** This user's own functions. */
  readonly functions: Tier;
  /** This user's own commands, and workers of --exec. */
  readonly commands: Tier;
  /** Functions of other people. */
  readonly othersFunctions: Tier;
  /** Commands of other people, and workers of --exec; null: they are not run. */
  readonly othersCommands: Tier | null;
  /**
   * What of other people is held by nothing although the owner did not say so, and what to do; one
   * line. Null: nothing.
   */
  readonly unheld: string | null;
  /** Why no tighter one is used, and what a tier does not hold: a line each. */
  readonly notes: readonly string[];
}

/** Whose program it is, and what it opens. */
interface Claim {
  readonly own: boolean;
  readonly needs: readonly Needs[];
}

/** Says what holds the executors of each computation: by whose it is, and what it needs. */
export class Sandboxes {
  /** What this machine's owner chose for the jobs of others; null: the tightest there is. */
  readonly #chosen: Tier | null;
  #tiers: Promise<Tiers> | null = null;
  readonly #granted = new Map<string, string>();

  /** granted: folders that jobs of others may reach, to be found before any job runs. */
  constructor(chosen: Tier | null, granted: readonly string[] = []) {
    this.#chosen = chosen;
    this.#real(granted);
  }

  /** @throws MeshError MESH_USAGE when this machine cannot do the tier that was chosen. */
  async check(): Promise<void> {
    const chosen = this.#chosen;
    if (chosen === null || chosen === 'none') return;
    const why = (await this.tiers())[chosen];
    if (why !== null) {
      throw new MeshError('MESH_USAGE', `--sandbox ${chosen} is not possible here: ${why}`);
    }
  }

  /** What this machine can do; tried once. */
  tiers(): Promise<Tiers> {
    this.#tiers ??= probeTiers();
    return this.#tiers;
  }

  /** For what this user publishes here. */
  own(program: Uint8Array, commands: boolean, needs: Needs): Sandbox {
    return sandboxOf(ownTier(commands || isWorkerProgram(program)), [needs]);
  }

  /**
   * Inputs with what is to hold their executors.
   * @throws MeshError MESH_NOT_EVALUATED when nothing that the owner allows can hold them.
   */
  async hold(state: PeerState, inputs: WorkInputs): Promise<WorkInputs> {
    const { program, commands = false, computation } = inputs;
    const { own, needs } = claimOf(state, computation);
    const startsProcesses = commands || isWorkerProgram(program);
    // With nothing open a command would not even find its folder.
    if (commands && needs.length === 0) refuseUnmet(state, computation);
    const tier = own ? ownTier(startsProcesses) : await this.#othersTier(startsProcesses);
    if (tier === null) {
      const text = 'other people’s commands are not run here: --sandbox permission holds none';
      throw new MeshError('MESH_NOT_EVALUATED', text);
    }
    const sandbox = sandboxOf(tier, needs);
    if (own || tier === 'none') return { ...inputs, sandbox };
    return { ...inputs, sandbox: { ...sandbox, within: this.#within(sandbox, state.offer) } };
  }

  async report(): Promise<SandboxReport> {
    const tiers = await this.tiers();
    const othersFunctions = (await this.#othersTier(false)) ?? 'none';
    const othersCommands = await this.#othersTier(true);
    const functions = ownTier(false);
    const used = [functions, othersFunctions];
    const notes = [
      ...(tiers.bwrap === null || othersFunctions === 'bwrap' ? [] : [`no bwrap: ${tiers.bwrap}`]),
      ...(tiers.permission === null ? [] : [`no permission: ${tiers.permission}`]),
      ...(used.includes('permission') && !permissionHoldsNetwork()
        ? ['permission holds files and processes, not the network: that takes Node 26']
        : []),
    ];
    const unheld = this.#chosen === null ? unheldText(tiers) : null;
    return { functions, commands: ownTier(true), othersFunctions, othersCommands, unheld, notes };
  }

  /**
   * Where what another one's job opens must lie. A path must not lead elsewhere by a link than its
   * text says, or the grant of a folder would be one of all that a link in it names. It is looked
   * at once more when it is opened (work/sandbox/open-granted.ts); here it is told.
   * @throws MeshError MESH_NOT_EVALUATED
   */
  #within({ reads, writes }: Sandbox, offer: Offer): Map<string, readonly string[]> {
    const readable = this.#real([...offer.reads, ...offer.writes]);
    const writable = this.#real(offer.writes);
    const within = new Map(reads.map((path) => [path, readable]));
    for (const path of writes) within.set(path, writable);
    for (const [path, folders] of within) {
      const real = realPath(path);
      if (real === null || folders.some((folder) => isUnder(real, folder))) continue;
      const text = `${path} leads to ${real} on this machine, which it does not grant`;
      throw new MeshError('MESH_NOT_EVALUATED', text);
    }
    return within;
  }

  /** Where granted folders are. What was found once stays: a job may write where one is in. */
  #real(granted: readonly string[]): string[] {
    return granted.flatMap((folder) => {
      const real = this.#granted.get(folder) ?? realPath(folder);
      if (real !== null) this.#granted.set(folder, real);
      return real ?? [];
    });
  }

  /** Null: nothing that was allowed can hold it. */
  async #othersTier(startsProcesses: boolean): Promise<Tier | null> {
    if (this.#chosen === null) return tightest(await this.tiers(), startsProcesses);
    return this.#chosen === 'permission' && startsProcesses ? null : this.#chosen;
  }
}

function unheldText({ bwrap, permission }: Tiers): string | null {
  if (bwrap === null) return null;
  // Node's model has to be there for a refusal by it.
  const [what, refuse] =
    permission === null
      ? ['commands', 'refuse them with `start --sandbox permission`, or ']
      : ['functions and commands', ''];
  const trust = 'name whose jobs run here with `meshd trust add`';
  return `other people’s ${what} run here with all your rights, for ${bwrap}; ${refuse}${trust}`;
}

/** Null where there is nothing. */
function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

function ownTier(startsProcesses: boolean): Tier {
  return startsProcesses || whyNoPermission() !== null ? 'none' : 'permission';
}

function sandboxOf(tier: Tier, needs: readonly Needs[]): Sandbox {
  if (tier === 'none') return OPEN;
  const all = (paths: readonly string[]): string[] => [...new Set(paths)].sort();
  return {
    tier,
    net: needs.some(({ net }) => net),
    reads: all(needs.flatMap(({ reads }) => reads)),
    writes: all(needs.flatMap(({ writes }) => writes)),
  };
}

/** @throws MeshError MESH_NOT_EVALUATED where this machine lacks what a job needs */
function refuseUnmet(state: PeerState, computation: ComputationId): void {
  for (const job of state.jobs.values()) {
    if (job.computation.id !== computation || unmet(state, job) === null) continue;
    const text = `${job.manifest.name} does not run on this machine: ${whyUnmet(state, job)}`;
    throw new MeshError('MESH_NOT_EVALUATED', text);
  }
}

/**
 * A computation that this user published, too, is this user's own. What the jobs over it need is
 * open to all of them: it is one program.
 */
function claimOf(state: PeerState, computation: ComputationId): Claim {
  const isOwn = (peer: PeerId): boolean => peer === state.self.peer || state.kin.has(peer);
  const jobs: JobState[] = [];
  for (const job of state.jobs.values()) {
    if (job.computation.id !== computation) continue;
    // An own one may be verified, or a candidate of it evaluated again, where nobody waits for it,
    // and where its tags are not.
    if (isOwn(job.manifest.owner) || rests(state, job) || serves(state, job)) jobs.push(job);
  }
  const mine = jobs.filter(({ manifest }) => isOwn(manifest.owner));
  const counting = mine.length > 0 ? mine : jobs;
  return { own: mine.length > 0, needs: counting.map(({ manifest }) => manifest.needs) };
}
