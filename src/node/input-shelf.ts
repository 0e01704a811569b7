import type { ComputationId, Hash } from '../core/ids.ts';
import type { PeerState } from '../core/peer-state.ts';
import type { WorkInputs } from '../work/workforce.ts';
import { ItemReader } from './jobs/item-list.ts';

/** What executors need for each computation: read from the blobs once, and kept. */
export class InputShelf {
  readonly #state: PeerState;
  readonly #blob: (hash: Hash) => Promise<Uint8Array | undefined>;
  readonly #inputs = new Map<ComputationId, Promise<WorkInputs>>();

  constructor(state: PeerState, blob: (hash: Hash) => Promise<Uint8Array | undefined>) {
    this.#state = state;
    this.#blob = blob;
  }

  of(computation: ComputationId): Promise<WorkInputs> {
    const known = this.#inputs.get(computation);
    if (known !== undefined) return known;
    const reading = this.#read(computation);
    this.#inputs.set(computation, reading);
    // What could not be read may be there the next time.
    reading.catch(() => this.#inputs.delete(computation));
    return reading;
  }

  drop(computation: ComputationId): void {
    this.#inputs.delete(computation);
  }

  /** The source map that came with a job of a computation, if there is one here. */
  async #sources(computation: ComputationId): Promise<Uint8Array | undefined> {
    for (const { computation: own, manifest } of this.#state.jobs.values()) {
      if (own.id !== computation || manifest.sources === null) continue;
      const found = await this.#blob(manifest.sources);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #read(computation: ComputationId): Promise<WorkInputs> {
    const spec = this.#state.computations.get(computation)?.spec;
    if (spec === undefined) throw new Error(`computation ${computation} is not known`);
    const read = async (hash: Hash): Promise<Uint8Array> => {
      const bytes = await this.#blob(hash);
      if (bytes === undefined) throw new Error(`blob ${hash} is not on this disk`);
      return bytes;
    };
    const [program, bytes] = await Promise.all([read(spec.program), read(spec.params)]);
    const params = new TextDecoder().decode(bytes);
    const sources = await this.#sources(computation);
    const inputs: WorkInputs = {
      ...{ computation, program, params, seed: spec.seed, commands: spec.commandsOf !== null },
      ...(sources === undefined ? {} : { sources }),
    };
    if (spec.items === null) return inputs;
    const reader = await ItemReader.open(spec.items.root, read);
    return { ...inputs, items: (lo, hi) => reader.read(lo, hi) };
  }
}
