// A thread of piscina: the function of the task, called with an index.
import { evaluator, taskOfProcess } from '../evaluator.ts';

const evaluate = await evaluator(taskOfProcess());

export { evaluate as default };
