import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PeerId } from '../../core/ids.ts';
import type { JobState } from '../../core/job-state.ts';
import { MeshError } from '../../core/mesh-error.ts';
import { type FileHash, isFileHash } from '../../files/description.ts';
import { plainName } from '../../files/glob.ts';
import { namesOfOutput } from '../../files/return-pattern.ts';
import type { NamedFiles } from '../../work/command/named-files.ts';
import type { WorkInputs } from '../../work/workforce.ts';
import { type CommandValue, hasSucceeded, type MovedOutput } from '../reports/command-result.ts';
import type { Delivery, DeliveryLog } from './delivery-log.ts';
import type { FileService } from './file-service.ts';
import { filesOfItem, sendingOf } from './sent-files.ts';

/** Between two tries to fetch an output, in ms. */
const AGAIN_MS = 500;

/** Tries while the peer that made an output is connected. */
const MOST_TRIES = 4;

/** How long the peer that made an output may be away, in ms. */
const AWAY_MS = 30_000;

/** Deliveries at once. */
const AT_ONCE = 4;

/** What deliveries need of their peer. */
export interface DeliveryOptions {
  readonly self: PeerId;
  readonly files: FileService;
  readonly log: DeliveryLog;
  /** Where long outputs go. */
  readonly outputs: string;
  readonly inputs: (computation: string) => Promise<WorkInputs>;
  /** A name for a person. */
  readonly nameOf: (peer: PeerId) => string;
  /** Says whether a peer is held dead. */
  readonly isDead: (peer: PeerId) => boolean;
  readonly warn: (event: string, fields: object) => void;
}

/** Outputs that are too long for a value. */
const LONG = ['stdoutFile', 'stderrFile'] as const;

/** One command whose outputs were made. */
interface Made {
  readonly job: JobState;
  readonly index: number;
  readonly value: CommandValue;
}

/**
 * Fetches the outputs of this peer's own commands and writes them under the names that their
 * publisher gave, and no others, whoever made them.
 */
export class Deliveries {
  readonly #options: DeliveryOptions;
  readonly #running = new Map<string, Promise<Delivery>>();
  /** Those that wait for one of the places. */
  readonly #waiting: (() => void)[] = [];
  #places = AT_ONCE;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /**
   * The value of a command with its outputs where they belong: written when this returns, or said
   * to be lost. As it was for a command of another peer's. It says where it ran.
   */
  async deliver(made: Made): Promise<CommandValue> {
    const { job, index, value } = made;
    if (!this.#isOwn(job) || !isAway(value)) return this.#placed(made, value);
    const known = this.#options.log.get(job.computation.id, index);
    return this.#placed(made, this.#delivered(value, known ?? (await this.#once(made))));
  }

  /** The value as it was told; null while its outputs are still to come. */
  recall(made: Made): CommandValue | null {
    const { job, index, value } = made;
    if (!this.#isOwn(job) || !isAway(value)) return this.#placed(made, value);
    const known = this.#options.log.get(job.computation.id, index);
    return known === undefined ? null : this.#placed(made, this.#delivered(value, known));
  }

  #placed({ job, index }: Made, value: CommandValue): CommandValue {
    const { self, nameOf } = this.#options;
    const ranOn = job.computation.recordAt(index)?.origin ?? self;
    return ranOn === self ? value : { ...value, peer: nameOf(ranOn) };
  }

  #isOwn({ computation }: JobState): boolean {
    return computation.spec.commandsOf === this.#options.self;
  }

  #once(made: Made): Promise<Delivery> {
    const key = `${made.job.computation.id} ${made.index}`;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const started = this.#inTurn(() => this.#bring(made)).finally(() => this.#running.delete(key));
    this.#running.set(key, started);
    return started;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#places === 0) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#places -= 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#places += 1;
      else next();
    }
  }

  async #bring({ job, index, value }: Made): Promise<Delivery> {
    const { files, log, inputs, warn, nameOf } = this.#options;
    const { program, params, items } = await inputs(job.computation.id);
    const [text = '{}'] = (await items?.(index, index + 1)) ?? [];
    const { returns } = filesOfItem(text) ?? { returns: [] };
    const { directory } = sendingOf(program);
    const { cleanup } = JSON.parse(params) as { cleanup?: unknown };
    const maker = job.computation.recordAt(index)?.origin ?? this.#options.self;
    const token = `${job.computation.id.slice(0, 8)}-${index}`;
    const left: NamedFiles = {};
    const fetched: string[] = [];
    let problem: string | null = null;
    for (const [inside, made] of Object.entries(value.outputs ?? {})) {
      const names = namesOfOutput(returns, inside);
      if (names.length === 0 || !isFileHash(made[0])) {
        warn('output.unasked', { job: job.id, index, name: inside, maker });
        problem ??= `${nameOf(maker)} sent a file that was not asked for: ${plainName(inside)}`;
        continue;
      }
      for (const name of names) {
        const found = await this.#fetch(made[0], resolve(directory, name), maker, token);
        if (typeof found === 'string') problem ??= `its output ${name} ${found}`;
        else left[name] = found;
      }
      if (names.every((name) => Object.hasOwn(left, name))) fetched.push(made[0]);
    }
    for (const long of LONG) {
      const hash = value[long]?.hash;
      if (!isFileHash(hash)) continue;
      const found = await this.#fetch(hash, this.#placeOf(hash), maker, token);
      if (typeof found === 'string') problem ??= `its ${long.slice(0, -4)} ${found}`;
      else fetched.push(hash);
    }
    const delivery = problem === null ? { index, files: left } : { index, problem };
    log.add(job.computation.id, delivery);
    for (const hash of fetched) {
      const of = job.computation.id;
      if (maker === this.#options.self) files.store.fetched(hash, of);
      else void files.tellFetched(maker, { hash, of, drop: cleanup === true });
      if (cleanup === true) await files.store.drop(hash);
    }
    return delivery;
  }

  /** Writes one output; how it left it. A text says why that will never be. */
  async #fetch(
    hash: FileHash,
    path: string,
    maker: PeerId,
    token: string,
  ): Promise<string | readonly [bytes: number, changedMs: number]> {
    const { files, isDead, nameOf, self } = this.#options;
    let [tries, awaySince] = [0, null as number | null];
    for (;;) {
      try {
        const wanted = { hash, likely: [maker], owner: maker };
        return await files.bring(wanted, path, { sync: true, token });
      } catch (error) {
        files.signal.throwIfAborted();
        if (!(error instanceof MeshError)) {
          return `cannot be written: ${error instanceof Error ? error.message : String(error)}`;
        }
      }
      const isThere = maker === self || files.connected().includes(maker);
      tries += isThere ? 1 : 0;
      awaySince = isThere ? null : (awaySince ?? performance.now());
      const isAway = awaySince !== null && performance.now() - awaySince > AWAY_MS;
      if (isAway || (!isThere && isDead(maker))) {
        return `is lost: ${nameOf(maker)}, which made it, is gone`;
      }
      if (tries >= MOST_TRIES) return `is lost: ${nameOf(maker)}, which made it, has it no more`;
      await sleep(AGAIN_MS, undefined, { signal: files.signal });
    }
  }

  /** Where a long output of a command goes. */
  #placeOf(hash: FileHash): string {
    return join(this.#options.outputs, `${hash}.output`);
  }

  /** A value as its publisher tells it, now that it is known what became of its outputs. */
  #delivered(value: CommandValue, delivery: Delivery): CommandValue {
    if ('problem' in delivery) {
      // Why a command failed by itself is more to the point.
      if (!hasSucceeded(value)) return value;
      return { ...value, ended: 'files', problem: delivery.problem };
    }
    const long: Partial<Record<(typeof LONG)[number], MovedOutput>> = {};
    for (const name of LONG) {
      const { hash, bytes = 0 } = value[name] ?? {};
      if (isFileHash(hash)) long[name] = { file: this.#placeOf(hash), bytes };
    }
    return { ...value, ...long, files: { ...value.files, ...delivery.files } };
  }
}

/** Says whether something of a value is still where its command ran. */
function isAway(value: CommandValue): boolean {
  return value.outputs !== undefined || LONG.some((long) => value[long]?.hash !== undefined);
}
