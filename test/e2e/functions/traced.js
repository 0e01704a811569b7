import { appendFileSync } from 'node:fs';

// One candidate in ten is accepted; each leaves its index in a file as it begins and as it ends.
export default async function traced({ rng, index, params, log }) {
  const x = rng.uniform();
  log(`x is ${x}`);
  const trace = params?.trace;
  if (trace !== undefined) appendFileSync(trace, `begin ${index}\n`);
  await new Promise((resolve) => setTimeout(resolve, params?.ms ?? 0));
  if (trace !== undefined) appendFileSync(trace, `end ${index}\n`);
  return x < 0.1 ? x : undefined;
}
