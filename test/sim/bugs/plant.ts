import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FaultKind } from '../world/scenario.ts';

/** A text in a source file of the repository, and what takes its place. */
export interface Edit {
  /** From the repository's root. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** A bug that is put into the source as it is loaded, so that the source needs no switch. */
export interface Bug {
  readonly name: string;
  /** What is wrong, in a line. */
  readonly claim: string;
  /** Kinds of fault without any of which it changes nothing; empty: it shows without faults. */
  readonly needs?: readonly FaultKind[];
  readonly edits: readonly Edit[];
}

const ROOT = join(import.meta.dirname, '..', '..', '..');

const decoder = new TextDecoder();

/** A source text with a bug's edits of one file. @throws Error when a text is not there once. */
function edited(source: string, edits: readonly Edit[]): string {
  let text = source;
  for (const { file, find, replace } of edits) {
    const count = text.split(find).length - 1;
    if (count !== 1) throw new Error(`${count} times in ${file}, not once: ${find}`);
    text = text.replace(find, () => replace);
  }
  return text;
}

/** Why a bug cannot be planted in the source as it is; null when it can. */
export function unfit({ edits }: Bug): string | null {
  for (const [file, own] of Map.groupBy(edits, ({ file }) => file)) {
    try {
      edited(readFileSync(join(ROOT, file), 'utf8'), own);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  return null;
}

/**
 * Plants a bug in all that this thread loads from now on. Returns a check that is to be called when
 * all is loaded: a file that was loaded before would be without the bug.
 */
export function plant(bug: Bug): () => void {
  const left = Map.groupBy(bug.edits, ({ file }) => pathToFileURL(join(ROOT, file)).href);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const edits = left.get(url);
      if (edits === undefined || loaded.source == null) return loaded;
      const { source } = loaded;
      const text = edited(typeof source === 'string' ? source : decoder.decode(source), edits);
      left.delete(url);
      return { ...loaded, source: text };
    },
  });
  return () => {
    if (left.size === 0) return;
    throw new Error(`the bug ${bug.name} is not in: ${[...left.keys()].join(', ')}`);
  };
}
