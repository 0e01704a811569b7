// A bare loop: it answers each task with the time that it took in ms, and ends with its parent.
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { doubleOf, philox } from '../../src/work/candidate/philox.ts';
import { createStreams } from '../../src/work/candidate/rng.ts';
import type { BareTask } from './bare.ts';

// As in an executor: else the loop keeps a slow copy of the function for many seconds.
setFlagsFromString('--no-maglev-inlining');

/** The stream and the test of `trivial`, with nothing between them. */
function trivialLoop({ seed, lo, hi }: BareTask): number {
  const words = new Int32Array(4);
  let accepted = 0;
  for (let index = lo; index < hi; index += 1) {
    philox(words, 0, 0, index | 0, (index / 4294967296) | 0, seed | 0, (seed / 4294967296) | 0);
    const x = doubleOf(words[0] as number, words[1] as number);
    if (x < 1e-7) accepted += 1;
  }
  return accepted;
}

async function functionLoop({ fn, params, seed, lo, hi }: BareTask): Promise<number> {
  const { default: evaluate } = (await import(pathToFileURL(fn).href)) as {
    default: (input: object) => unknown;
  };
  const { rng, open } = createStreams(seed);
  let accepted = 0;
  for (let index = lo; index < hi; index += 1) {
    open(index);
    if (evaluate({ rng, index, params }) !== undefined) accepted += 1;
  }
  return accepted;
}

process.on('message', (task: BareTask) => {
  const start = performance.now();
  const answer = (): unknown => process.send?.(performance.now() - start);
  if (task.kind === 'trivial') {
    trivialLoop(task);
    answer();
  } else {
    functionLoop(task).then(answer, (error: unknown) => {
      throw error;
    });
  }
});
process.on('disconnect', () => process.exit());
