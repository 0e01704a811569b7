import type { PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import type { Network } from './network.ts';

/** The network of a peer that belongs to no mesh: it opens no socket and reaches nobody. */
export class SoloNetwork implements Network {
  readonly self: PeerId;

  constructor(self: PeerId) {
    this.self = self;
  }

  addresses(): string[] {
    return [];
  }

  listening(): string[] {
    return [];
  }

  connections(): [] {
    return [];
  }

  broadcast(): void {}

  send(): boolean {
    return false;
  }

  /** @throws MeshError MESH_NO_PEER always, at the first part. */
  ask(peer: PeerId): AsyncIterable<Uint8Array> {
    const text = `${peer} is not connected: this home belongs to no mesh`;
    const next = (): Promise<never> => Promise.reject(new MeshError('MESH_NO_PEER', text));
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  serve(): void {}

  know(): void {}

  forget(): void {}

  /** @throws MeshError MESH_NOT_MEMBER always: without a mesh there is nobody to dial. */
  join(): Promise<PeerId[]> {
    return Promise.reject(
      new MeshError('MESH_NOT_MEMBER', 'this home belongs to no mesh; join one with meshd join'),
    );
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
