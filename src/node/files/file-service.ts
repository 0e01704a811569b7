import { answerRequest } from '../../files/answer.ts';
import type { BlockFolders } from '../../files/block-folders.ts';
import { AlteredError, copyOut } from '../../files/copy-out.ts';
import { Fetcher, type Wanted } from '../../files/fetcher.ts';
import { FileStore } from '../../files/file-store.ts';
import { QUOTA_BYTES, type Usage } from '../../files/quota.ts';
import { encodeRequest, type FetchedRequest } from '../../files/request.ts';
import type { WriteOptions } from '../../files/write-out.ts';
import type { Network } from '../../net/network.ts';
import { SoloNetwork } from '../../net/solo-network.ts';

/** What members ask one another for: files and parts of them. */
const TOPIC = 'files';

/** Between two looks at what the files take, in ms. */
const SWEEP_MS = 5000;

/** What the files of a peer take, and may take. */
export interface FileUsage extends Usage {
  readonly quotaBytes: number;
}

/** The files of one peer: kept under a quota, given to members, fetched from them. */
export class FileService {
  readonly store: FileStore;
  /** The folder of the store. */
  readonly folder: string;
  readonly #fetcher: Fetcher;
  readonly #quotaBytes: number;
  readonly #closing = new AbortController();
  #network: Network;
  #sweeping: NodeJS.Timeout | null = null;

  private constructor(store: FileStore, folder: string, self: string, quotaBytes: number) {
    this.store = store;
    this.folder = folder;
    this.#quotaBytes = quotaBytes;
    this.#network = new SoloNetwork(self);
    this.#fetcher = new Fetcher(store, {
      peers: () => this.connected(),
      ask: (peer, request, signal) => this.#network.ask(peer, TOPIC, request, { signal }),
    });
  }

  /**
   * quotaBytes: what the files may take of the disk. @default 10 GB blocks: stdin of this home's
   * runs. @default none
   */
  static async open(
    folder: string,
    self: string,
    quotaBytes: number = QUOTA_BYTES,
    blocks: BlockFolders | null = null,
  ): Promise<FileService> {
    const store = await FileStore.open(folder, blocks);
    const service = new FileService(store, folder, self, quotaBytes);
    service.#sweepSoon();
    return service;
  }

  /** Takes the network in, and answers members from now on. */
  connect(network: Network): void {
    this.#network = network;
    network.serve(TOPIC, (_, request) => answerRequest(this.store, request));
  }

  /** Members that are connected. */
  connected(): string[] {
    return this.#network.connections().map(({ peer }) => peer);
  }

  /** Aborts when the peer ends. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** See Fetcher.fetch. */
  async fetch(
    wanted: Wanted,
    options: { again?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    const { again = false, signal } = options;
    const ended = signal === undefined ? this.signal : AbortSignal.any([signal, this.signal]);
    await this.#fetcher.fetch(wanted, { again, signal: ended });
    this.#sweepSoon();
  }

  /**
   * Fetches a file and writes it out; what was altered where it is kept is fetched once more.
   * @throws as Fetcher.fetch; AlteredError when a file of the user's was changed meanwhile.
   */
  async bring(
    wanted: Wanted,
    path: string,
    options: WriteOptions & { readonly signal?: AbortSignal },
  ): Promise<readonly [bytes: number, changedMs: number]> {
    const unpin = this.store.pin(wanted.hash);
    try {
      await this.fetch(wanted, options);
      try {
        return await copyOut(this.store, wanted.hash, path, options);
      } catch (error) {
        if (!(error instanceof AlteredError)) throw error;
      }
      await this.fetch(wanted, { ...options, again: true });
      return await copyOut(this.store, wanted.hash, path, options);
    } finally {
      unpin();
    }
  }

  /** Tells who made a file that it was fetched. It may be gone: then nobody need be told. */
  async tellFetched(maker: string, fetched: Omit<FetchedRequest, 'ask'>): Promise<void> {
    const request = encodeRequest({ ask: 'fetched', ...fetched });
    try {
      for await (const _part of this.#network.ask(maker, TOPIC, request, { signal: this.signal }));
    } catch {
      // It keeps the file under its quota, some days longer.
    }
  }

  async usage(): Promise<FileUsage> {
    return { ...(await this.store.usage()), quotaBytes: this.#quotaBytes };
  }

  /** Keeps to the quota soon; at most once in five seconds. */
  #sweepSoon(): void {
    if (this.#sweeping !== null || this.signal.aborted) return;
    this.#sweeping = setTimeout(() => {
      this.#sweeping = null;
      // What cannot be removed now is looked at again after the next file.
      this.store.sweep(this.#quotaBytes).catch(() => undefined);
    }, SWEEP_MS);
    this.#sweeping.unref();
  }

  close(): void {
    this.#closing.abort(new Error('the peer ends'));
    if (this.#sweeping !== null) clearTimeout(this.#sweeping);
  }
}
