// Accepts nothing; a candidate takes about as long as one of steady.js.
export default function never({ rng }) {
  let sum = rng.uniform();
  for (let k = 0; k < 100_000; k++) sum += Math.sqrt(k + sum);
  return sum < 0 ? sum : undefined;
}
