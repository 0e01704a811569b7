import { assertNever, type Scope } from '../core/ids.ts';
import { blobKey, localKey, recordKey, scopeRange } from './keys.ts';
import type { Write } from './store.ts';

/**
 * What a batch does to each key, the last change of a key alone: its new bytes, or null when it is
 * deleted. A dropped scope takes with it what the batch wrote there before.
 * keysIn: the keys of a scope's records in the store now.
 */
export function changesOf(
  batch: readonly Write[],
  keysIn: (scope: Scope) => Iterable<string>,
): Map<string, Uint8Array | null> {
  const changes = new Map<string, Uint8Array | null>();
  for (const write of batch) {
    switch (write.kind) {
      case 'record':
        changes.set(recordKey(write), write.body);
        break;
      case 'blob':
        changes.set(blobKey(write.hash), write.bytes);
        break;
      case 'local':
        changes.set(localKey(write.key), write.bytes);
        break;
      case 'drop-blob':
        changes.set(blobKey(write.hash), null);
        break;
      case 'drop-record':
        changes.set(recordKey(write), null);
        break;
      case 'drop-scope': {
        const { gte, lt } = scopeRange(write.scope);
        for (const key of changes.keys()) if (key >= gte && key < lt) changes.set(key, null);
        for (const key of keysIn(write.scope)) changes.set(key, null);
        break;
      }
      default:
        assertNever(write);
    }
  }
  return changes;
}
