import { appendFileSync, readlinkSync } from 'node:fs';

// One candidate in ten is accepted; each leaves its index in a file of the machine where it runs.
export default async function marked({ rng, index, params }) {
  const x = rng.uniform();
  if (params?.trace !== undefined) {
    const [machine] = /\d+/.exec(readlinkSync('/proc/self/ns/net'));
    appendFileSync(`${params.trace}/${machine}`, `${index}\n`);
  }
  let sum = 0;
  for (let k = 0; k < (params?.work ?? 0); k++) sum += Math.sqrt(k + x);
  if (params?.ms > 0) await new Promise((resolve) => setTimeout(resolve, params.ms));
  return sum >= 0 && x < 0.1 ? x : undefined;
}
