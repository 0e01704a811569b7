// Accepts every candidate; the one of index 5 takes a second.
export default function evaluate({ index }) {
  const until = performance.now() + (index === 5 ? 1000 : 1);
  while (performance.now() < until);
  return index;
}
