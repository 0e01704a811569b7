// One item in fifty is refused.
export default function double({ item }) {
  if (item.k === 7) throw new RangeError('seven');
  return { k: item.k, twice: item.k * 2 };
}
