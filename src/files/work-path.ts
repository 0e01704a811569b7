/** Where a path of the user's lies in the working folder of a command, and the way back. */
export interface WorkPath {
  /** Relative, with no `.` or `..` in it; empty for the folder itself. */
  readonly inside: string;
  /** What its beginning stands for: `inside` begins with `from` where the path begins with `to`. */
  readonly from: string;
  readonly to: string;
}

/** Stands for a `..` at the beginning of a path. */
const UP = '__';

/**
 * Finds the place of a path in a working folder. A relative one keeps its name; of one with `/./`
 * what follows; an absolute one loses its first slash, and each `..` at the beginning becomes `__`.
 */
export function workPath(path: string): WorkPath {
  const cut = path.indexOf('/./');
  if (cut >= 0) {
    const rest = workPath(path.slice(cut + 3).replace(/^\/+/, ''));
    return { ...rest, to: `${path.slice(0, cut)}/${rest.to}` };
  }
  const parts: string[] = [];
  let ups = 0;
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined && !path.startsWith('/')) ups += 1;
  }
  const from = `${UP}/`.repeat(ups);
  const to = path.startsWith('/') ? '/' : '../'.repeat(ups);
  return { inside: from + parts.join('/'), from, to };
}
