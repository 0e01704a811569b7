import { writeFileSync } from 'node:fs';

// Never ends at one index, and says so in a file; everything else is accepted half the time.
export default async function hangs({ rng, index, params }) {
  if (index === params?.hangsAt) {
    writeFileSync(params.trace, 'hangs');
    await new Promise(() => setInterval(() => undefined, 1000));
  }
  const x = rng.uniform();
  return x < 0.5 ? x : undefined;
}
