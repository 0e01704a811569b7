/** Edits beyond which a word is not taken for a slip of another. */
const MAX_EDITS = 3;

/**
 * The candidate that differs from the word by the fewest edits, at most 3 and fewer than the word
 * has letters; ids are compared by their beginning. Null when none is near.
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let fewest = Math.min(MAX_EDITS, word.length - 1) + 1;
  for (const candidate of candidates) {
    const isId = /^[0-9a-f]{64}$/.test(candidate);
    const shown = isId ? candidate.slice(0, Math.max(12, word.length)) : candidate;
    const edits = distance(word, isId ? shown.slice(0, word.length) : shown);
    if (edits >= fewest) continue;
    fewest = edits;
    best = shown;
  }
  return best;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, k) => k);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(swap, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
