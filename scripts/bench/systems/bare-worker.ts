// A bare loop: it answers each order with the accepted values, and ends with its parent.
import { setFlagsFromString } from 'node:v8';
import { doubleOf, philox } from '../../../src/work/candidate/philox.ts';
import { evaluator, taskOfProcess } from '../evaluator.ts';
import type { BareOrder } from './bare.ts';

// As in an executor: else the loop keeps a slow copy of the function for many seconds.
setFlagsFromString('--no-maglev-inlining');

const task = taskOfProcess();
const evaluate = await evaluator(task);

/** `instant` and `few` over the same stream, with nothing between them. */
function draws({ lo, hi }: BareOrder, seed: number, below: number): Float64Array {
  const words = new Int32Array(4);
  const values = new Float64Array(below === 1 ? hi - lo : Math.ceil((hi - lo) / 500) + 100);
  let accepted = 0;
  for (let index = lo; index < hi; index += 1) {
    philox(words, 0, 0, index | 0, (index / 4294967296) | 0, seed | 0, (seed / 4294967296) | 0);
    const x = doubleOf(words[0] as number, words[1] as number);
    if (x < below) {
      values[accepted] = x;
      accepted += 1;
    }
  }
  return values.slice(0, accepted);
}

function calls({ lo, hi }: BareOrder): Float64Array {
  const values: number[] = [];
  for (let index = lo; index < hi; index += 1) {
    const value = evaluate(index);
    if (value !== undefined) values.push(Number(value));
  }
  return Float64Array.from(values);
}

process.on('message', (order: BareOrder) => {
  const { kind } = order;
  const values =
    kind === 'instant'
      ? draws(order, task.seed, 1)
      : kind === 'few'
        ? draws(order, task.seed, 1e-3)
        : calls(order);
  process.send?.(values);
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
