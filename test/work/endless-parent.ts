// A peer that is to be killed: tells the process id of an executor that never returns.
import { inputsOf, openBench } from './work-bench.ts';

const bench = await openBench();
const source = 'export default ({ log }) => { log(process.pid); for (;;); }';
const { line } = bench.execute({}, inputsOf(source));
process.send?.(Number(await line));
