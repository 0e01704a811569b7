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
  // The same, for what collects all results.
  instant: `export default ({ rng }) => rng.uniform();
`,
  // Accepts one in a thousand.
  few: `export default ({ rng }) => {
  const x = rng.uniform();
  if (x < 1e-3) return x;
};
`,
  // oneMs, every result collected.
  busy: `function mix(x) {
  for (let k = 0; k < 256; k += 1) x = (Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + k) | 0;
  return x;
}
const evaluate = ({ rng, params }) => {
  let x = (rng.uniform() * 4294967296) | 0;
  for (let k = 0; k < params.rounds; k += 1) x = mix(x);
  return x >>> 0;
};
export { evaluate as default };
`,
  // Takes up to 20 ms, the longer the larger its value is; accepts one in two.
  slow: `export default async ({ rng }) => {
  const [x, y] = [rng.uniform(), rng.uniform()];
  await new Promise((resolve) => setTimeout(resolve, 20 * x));
  if (y < 0.5) return x;
};
`,
  // Starts a process that makes a file.
  touch: `import { execFile } from 'node:child_process';
const touch = ({ index, params }) =>
  new Promise((resolve, reject) => {
    const ended = (error) => (error === null ? resolve(index) : reject(error));
    execFile('touch', [params.folder + '/' + index + '.out'], ended);
  });
export { touch as default };
`,
  // Takes 100 ms, and writes down when it starts and ends.
  traced: `import { appendFileSync } from 'node:fs';
const traced = async ({ index, params }) => {
  const write = (mark) =>
    appendFileSync(params.folder + '/trace', mark + ' ' + index + ' ' + process.pid + '\\n');
  write('s');
  await new Promise((resolve) => setTimeout(resolve, 100));
  write('e');
  return index;
};
export { traced as default };
`,
} as const;

export type FunctionName = keyof typeof SOURCES;

/** Writes a function file into a folder; returns its path. */
export function writeFunction(folder: string, name: FunctionName): string {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, SOURCES[name]);
  return path;
}
