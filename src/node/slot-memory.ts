import { MIN_MEMORY_BYTES } from '../core/limits.ts';
import { MeshError } from '../core/mesh-error.ts';

/** @throws MeshError MESH_USAGE when a machine's memory is too little for so many slots */
export function checkMemory(memoryBytes: number | null, slots: number): void {
  const least = slots * MIN_MEMORY_BYTES;
  if (memoryBytes === null || memoryBytes >= least) return;
  const text = `--memory ${memoryBytes / 1e6}MB is too little for ${slots} slots: they need`;
  throw new MeshError('MESH_USAGE', `${text} ${least / 1e6}MB`);
}
