let calls = 0;

// Impure: what it gives depends on what this executor evaluated before, but for candidate 0, at
// which the publication would notice it.
export default function counts({ rng, index }) {
  calls++;
  return rng.uniform() < 0.5 ? index && calls : undefined;
}
