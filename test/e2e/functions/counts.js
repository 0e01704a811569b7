let calls = 0;

// Impure: what it gives depends on what this executor evaluated before.
export default function counts({ rng }) {
  calls++;
  return rng.uniform() < 0.5 ? calls : undefined;
}
