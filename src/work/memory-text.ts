const UNITS = [
  [2 ** 30, 'GiB'],
  [1e9, 'GB'],
  [2 ** 20, 'MiB'],
] as const;

/** A limit of memory as its user wrote it: `128 MB`, `4 GiB`, `1.5 GB`. */
export function memoryText(bytes: number): string {
  for (const [unit, name] of UNITS) {
    const value = bytes / unit;
    // A person writes no more than two digits behind the point.
    if (value >= 1 && Number.isInteger(value * 100)) return `${value} ${name}`;
  }
  return `${bytes / 1e6} MB`;
}
