const { defineProperty, getOwnPropertyDescriptor } = Object;
const { deleteProperty, ownKeys } = Reflect;

/**
 * Notes what `Array.prototype` is, and gives a function that makes it so again. User code that
 * changes it must not disturb the runner: what runs between two candidates of a batch does without
 * its methods, and all else comes after the restoration.
 */
export function guardArrays(): () => void {
  const prototype: object = Array.prototype;
  const keys = ownKeys(prototype);
  const known: PropertyDescriptor[] = [];
  for (let k = 0; k < keys.length; k += 1) {
    known[k] = getOwnPropertyDescriptor(prototype, keys[k] as PropertyKey) ?? {};
  }
  const place = new Map<PropertyKey, number>();
  for (let k = 0; k < keys.length; k += 1) place.set(keys[k] as PropertyKey, k);
  const placeOf = place.get.bind(place);

  return () => {
    const now = ownKeys(prototype);
    for (let k = 0; k < now.length; k += 1) {
      const key = now[k] as PropertyKey;
      if (placeOf(key) === undefined) deleteProperty(prototype, key);
    }
    for (let k = 0; k < keys.length; k += 1) {
      const key = keys[k] as PropertyKey;
      const before = known[k] as PropertyDescriptor;
      const { value } = getOwnPropertyDescriptor(prototype, key) ?? {};
      if (value === before.value) continue;
      try {
        defineProperty(prototype, key, before);
      } catch {
        // Frozen by user code, which is then its own state.
      }
    }
  };
}
