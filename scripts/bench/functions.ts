import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Function files of the benchmark, by name. */
export const SOURCES = {
  // Returns at once: one draw, one comparison.
  trivial: `export default ({ rng }) => {
  const x = rng.uniform();
  if (x < 1e-7) return x;
};
`,
  // A fixed amount of integer work, so that no clock says when it ends. The inner loop is a
  // function of its own: how well the engine optimizes one long loop differs by process.
  oneMs: `function mix(x) {
  for (let k = 0; k < 256; k += 1) x = (Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + k) | 0;
  return x;
}
const evaluate = ({ rng, params }) => {
  let x = (rng.uniform() * 4294967296) | 0;
  for (let k = 0; k < params.rounds; k += 1) x = mix(x);
  if (x >>> 0 < 42949673) return x;
};
export { evaluate as default };
`,
  // Accepts one in ten: for the time to a first result.
  tenth: `export default ({ rng }) => {
  const x = rng.uniform();
  if (x < 0.1) return x;
};
`,
  // Takes 50 ms without using the processor, and always accepts.
  waits: `export default async ({ index }) => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  return index;
};
`,
} as const;

export type FunctionName = keyof typeof SOURCES;

/** Writes a function file into a folder; returns its path. */
export function writeFunction(folder: string, name: FunctionName): string {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, SOURCES[name]);
  return path;
}
