import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Limits, sameLimits } from '../core/limits.ts';
import { leaveOutputs } from './command/left-outputs.ts';
import { ExecutorChannel } from './executor-channel.ts';
import { afterLastMessage, killGroup } from './executor-exit.ts';
import { endMarked } from './executor-mark.ts';
import type { FromExecutor, ToExecutor } from './executor-message.ts';
import { type ExecutorKind, startExecutor } from './executor-process.ts';
import { STOPPED_MS, watchExecutor } from './executor-watch.ts';
import { inheritedBy } from './inherited-files.ts';
import { Ledger, type Noted, type Reason } from './ledger.ts';
import { NO_CAP, type ProcessCap, processCap } from './sandbox/process-cap.ts';
import { removeBehind } from './sandbox/remove-tree.ts';
import { type FolderLimit, type Sandbox, sameSandbox } from './sandbox/sandbox.ts';
import { scratchIn } from './sandbox/scratch.ts';

/** What an executor is started for, whatever it loads then. */
export interface Casing {
  readonly kind: ExecutorKind;
  readonly limits: Limits;
  readonly sandbox: Sandbox;
}

/** How executors are started. */
export interface StartOptions {
  /** A program that runs another one and has it killed when its parent dies, or null: a thread. */
  readonly leash: string | null;
  /** Where ledgers lie. */
  readonly folder: string;
  /** Where each executor has a folder of its own. */
  readonly scratch: string;
  /** What a candidate may write there at most, in bytes. */
  readonly scratchBytes: number;
  /** Where long outputs of commands go. */
  readonly outputs: string;
  /** How much they yield to other programs, 0 … 19. */
  readonly nice: number;
  /** The longest time in which nothing of half a message comes, in ms. @default 10 000 */
  readonly stillMs?: number;
  /** How long user code may hold its executor still, in ms. @default STOPPED_MS */
  readonly stoppedMs?: number;
}

/** Who hears a bare executor once it is used. */
export interface BareListener {
  hear(message: FromExecutor): void;
  /** What cannot come from an executor that is itself, in words. Nothing is heard after it. */
  fault(why: string): void;
  /**
   * The process is gone, and all was heard. error: it never started. Returns whether something that
   * user code started may be left of it.
   */
  ended(error: Error | null, noted: Noted): boolean;
}

/** Says whether a process that was started for one may serve for the other. */
export function sameCasing(a: Casing, b: Casing): boolean {
  return a.kind === b.kind && sameLimits(a.limits, b.limits) && sameSandbox(a.sandbox, b.sandbox);
}

/**
 * The process of an executor, with what is its own: a folder, a ledger, a process group. No program
 * is loaded in it yet.
 */
export class BareExecutor {
  readonly casing: Casing;
  readonly child: ChildProcess;
  /** Its folder: the program is put there, and its scratch folder lies there. */
  readonly folder: string;
  /** Where long outputs of its commands go. */
  readonly outputs: string;
  /** By which what it starts is found again, or null where its sandbox ends all that. */
  readonly mark: string | null;
  readonly scratch: FolderLimit;
  /** Resolves when the process is gone, and what it left removed. */
  readonly gone: Promise<void>;
  alive = true;
  readonly #channel: ExecutorChannel;
  readonly #ledger: Ledger;
  readonly #cap: ProcessCap;
  #listener: BareListener | null = null;

  /** @throws Error of the system where the disk is full, or a tier cannot hold this kind */
  constructor(casing: Casing, options: StartOptions) {
    this.casing = casing;
    const { kind, limits, sandbox } = casing;
    const name = randomBytes(8).toString('hex');
    this.folder = join(options.scratch, name);
    this.mark = sandbox.tier === 'none' ? name : null;
    const isWrapped = sandbox.tier === 'bwrap';
    const scratch = scratchIn(this.folder);
    mkdirSync(isWrapped ? scratch : this.folder, { recursive: true, mode: 0o700 });
    this.scratch = { folder: scratch, bytes: options.scratchBytes };
    // One sandbox is not to reach what another one left.
    const isShared = sandbox.tier === 'none';
    this.outputs = isShared ? options.outputs : join(options.outputs, name);
    if (kind === 'commands') mkdirSync(this.outputs, { recursive: true, mode: 0o700 });
    this.#ledger = new Ledger(options.folder);
    this.#cap = isWrapped ? processCap(name) : NO_CAP;
    const { leash, nice } = options;
    const { folder, outputs, mark } = this;
    const [cap, ledger] = [this.#cap, this.#ledger.fd];
    this.child = startExecutor({
      ...{ kind, limits, sandbox, folder, outputs, leash, nice, cap, ledger, mark },
    });
    const gone = Promise.withResolvers<void>();
    this.gone = gone.promise;
    this.#channel = new ExecutorChannel(
      this.child,
      {
        hear: (message) => this.#listener?.hear(message),
        fault: (why) => this.#listener?.fault(why),
        ended: () => ended(),
      },
      options.stillMs,
    );
    const ended = afterLastMessage(this.child, this.#channel, (error) => {
      unwatch();
      this.#channel.close();
      this.alive = false;
      const noted = this.#ledger.read();
      this.#ledger.close();
      const isLeft = this.#listener?.ended(error, noted) ?? false;
      this.#listener = null;
      void Promise.all([
        removeBehind(folder),
        isShared ? null : leaveOutputs(outputs),
        cap.release(),
        isLeft && mark !== null ? endMarked(mark) : null,
      ]).then(() => gone.resolve());
    });
    const { pid } = this.child;
    const { stoppedMs } = options;
    const unwatch =
      pid === undefined
        ? () => undefined
        : watchExecutor({
            ...{ pid, isWrapped, stoppedMs },
            mostBytes: isShared ? null : this.scratch.bytes,
            onStopped: () => this.#stopped((stoppedMs ?? STOPPED_MS) / 1000),
            memoryBytes: isShared ? null : limits.memoryBytes,
            onFull: (bytes) => this.#endFor('scratch', bytes),
            onHungry: (bytes) => this.#endFor('memory', bytes),
          });
    this.#channel.tell({
      ...{ kind: 'prepare', limits, tier: sandbox.tier, scratch: this.scratch },
      common: sandbox.tier === 'none' ? null : (sandbox.common ?? null),
      outputs: kind === 'commands' ? outputs : null,
      inherited: sandbox.tier === 'permission' ? inheritedBy(this.child.pid) : [],
    });
  }

  #endFor(reason: Reason, amount: number): void {
    this.#ledger.note(reason, amount);
    this.kill();
  }

  /** Nobody holds it to its limits while it stands still. */
  #stopped(seconds: number): void {
    this.#listener?.fault(`it stood still for ${seconds} s, stopped or traced`);
    this.kill();
  }

  /** Its process group; undefined when no process started. */
  get group(): number | undefined {
    return this.child.pid;
  }

  /** From now on one hears it. */
  listen(listener: BareListener): void {
    this.#listener = listener;
  }

  tell(message: ToExecutor): void {
    this.#channel.tell(message);
  }

  /** Hears and tells nothing more. */
  close(): void {
    this.#channel.close();
  }

  /** Ends the process at once, with all that user code started. */
  kill(): void {
    if (this.child.exitCode === null && this.child.signalCode === null) killGroup(this.child);
  }
}
