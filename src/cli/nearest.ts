/** Edits beyond which a word is not taken for a slip of another. */
const MAX_EDITS = 3;

/** So many letters for each edit: of short words any is near to any. */
const LETTERS_AN_EDIT = 4;

/** Fewer digits of an id are near to those of too many. */
const LEAST_ID_DIGITS = 6;

/**
 * The candidate that differs from the word by the fewest edits: at most one for each 4 letters of
 * the longer one, and 3. Ids are compared by their beginning, with words that may be ids.
 * Null when none is near.
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const mayBeId = word.length >= LEAST_ID_DIGITS && /^[0-9a-f]+$/.test(word);
  let best: string | null = null;
  let fewest = MAX_EDITS + 1;
  for (const candidate of candidates) {
    const isId = /^[0-9a-f]{64}$/.test(candidate);
    if (isId && !mayBeId) continue;
    const shown = isId ? candidate.slice(0, Math.max(12, word.length)) : candidate;
    const compared = isId ? shown.slice(0, word.length) : shown;
    const edits = distance(word, compared);
    const most = Math.floor(Math.max(word.length, compared.length) / LETTERS_AN_EDIT);
    if (edits >= fewest || edits > most) continue;
    fewest = edits;
    best = shown;
  }
  return best;
}

/**
 * The fewest letters added, left out, replaced, or swapped with the next one: the optimal string
 * alignment. @see Boytsov, Indexing methods for approximate dictionary searching, JEA 2011
 */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, k) => k);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? (before[j - 2] ?? 0) + 1 : replaced;
      row.push(Math.min(replaced, swapped, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}
