import { matches } from './glob.ts';
import { workPath } from './work-path.ts';

/** Outputs that a command declares: names in its working folder, and where they go from there. */
export interface ReturnPattern {
  /** A pattern of glob.ts, for names inside the folder. */
  readonly inside: string;
  /** What such a name begins with, and what stands for that where the publisher is. */
  readonly from: string;
  readonly to: string;
}

/** The outputs that a pattern of the user's declares; see workPath. */
export function returnPattern(pattern: string): ReturnPattern {
  return workPath(pattern);
}

/** The names that the publisher gives to an output; none when it did not ask for such a one. */
export function namesOfOutput(patterns: readonly ReturnPattern[], name: string): string[] {
  const found = patterns.filter(({ inside }) => matches(inside, name));
  return [...new Set(found.map(({ from, to }) => to + name.slice(from.length)))];
}

/** The folder that outputs of a pattern lie in for certain; empty for the working folder itself. */
export function folderOfOutputs({ inside }: ReturnPattern): string {
  const parts = inside.split('/').slice(0, -1);
  const first = parts.findIndex((part) => /[*?[\\]/.test(part));
  return (first < 0 ? parts : parts.slice(0, first)).join('/');
}

/** Reads return patterns. Null when they are malformed. */
export function readReturnPatterns(value: unknown): ReturnPattern[] | null {
  if (!Array.isArray(value)) return null;
  const patterns: ReturnPattern[] = [];
  for (const one of value) {
    const { inside, from, to } = (one ?? {}) as Partial<Record<keyof ReturnPattern, unknown>>;
    const isText = [inside, from, to].every((text) => typeof text === 'string');
    if (!isText || !String(inside).startsWith(String(from))) return null;
    // Folders of that name are made: none outside the working folder.
    if (String(inside).split('/').includes('..') || String(inside).includes('\0')) return null;
    patterns.push({ inside: String(inside), from: String(from), to: String(to) });
  }
  return patterns;
}
