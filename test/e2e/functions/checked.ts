/** Refuses what is two above a multiple of three. */
export function checked(index: number, value: number): number {
  if (index % 3 === 2) {
    throw new TypeError(`no ${index}`);
  }
  return value;
}
