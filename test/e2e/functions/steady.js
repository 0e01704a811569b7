// One candidate in twenty is accepted; each takes about a millisecond of real work.
export default function steady({ rng, params }) {
  const [x, y] = [rng.uniform(), rng.uniform()];
  let sum = 0;
  for (let k = 0; k < (params?.work ?? 100_000); k++) sum += Math.sqrt(k + x);
  return sum > 0 && x * x + y * y < 0.0637 ? { x, y } : undefined;
}
