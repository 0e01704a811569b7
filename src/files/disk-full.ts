/** A disk, a user's share of it, a file that may not grow: to a user all of them are no room. */
const CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** What LevelDB says in its own errors, which have no code of the system. */
const TEXT = /ENOSPC|EDQUOT|No space left|quota exceeded|File too large/i;

/** LevelDB's own error is at most two causes deep. */
const MOST_CAUSES = 4;

/** Says whether an error, or a cause of it, is that the disk or this user's share of it is full. */
export function isDiskFull(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < MOST_CAUSES; depth += 1) {
    const code = 'code' in at ? at.code : undefined;
    if (CODES.has(code)) return true;
    // Text of another error may be a user's own, and says nothing of this disk.
    const isStore = code === undefined || /^LEVEL_/.test(String(code));
    if (isStore && TEXT.test(at.message)) return true;
    at = at.cause;
  }
  return false;
}
