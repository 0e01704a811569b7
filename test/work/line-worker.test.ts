import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Batch, createEvaluator } from '../../src/work/candidate/evaluate.ts';
import { loadProgram } from '../../src/work/candidate/load-program.ts';
import { createStreams } from '../../src/work/candidate/rng.ts';
import { lineWorker } from '../../src/work/exec/line-worker.ts';
import { Scratch } from '../../src/work/sandbox/scratch.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'meshd-worker-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/**
 * Answers what it has in hand last line first, once no further line comes for a moment, and writes
 * down how many lines it had.
 */
const SLACK = `
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
let inHand = [];
let timer;
createInterface({ input: process.stdin }).on('line', (line) => {
  const question = JSON.parse(line);
  writeFileSync('scratch/' + question.index, '');
  inHand.push(question);
  clearTimeout(timer);
  timer = setTimeout(() => {
    appendFileSync('counts', inHand.length + '\\n');
    for (const question of inHand.reverse()) console.log(JSON.stringify(answer(question)));
    inHand = [];
  }, 20);
});
`;

/** Evaluates items with a worker whose answer to a question is this expression. */
async function evaluate(answer: string, items: readonly string[]): Promise<Batch> {
  const code = `const answer = (question) => (${answer});\n${SLACK}`;
  writeFileSync(join(directory, 'worker.mjs'), code);
  const command = `exec "${process.execPath}" worker.mjs`;
  const { evaluate, setup, teardown } = lineWorker({ command, directory, files: {} });
  const program = await loadProgram(async () => ({ default: evaluate, setup }), null);
  const streams = createStreams(7);
  const scratch = new Scratch(join(directory, 'scratch'));
  const evaluator = createEvaluator({
    ...{ program, streams, log: () => {}, at: new Float64Array(1), note() {}, scratch },
    ...{ isFull: () => false, restore() {}, now: () => 0, judging: { judge: null } },
  });
  const batch = await evaluator(0, items.length, items);
  await teardown(program as { state: ReturnType<typeof setup> });
  return batch;
}

const counts = (): number[] =>
  readFileSync(join(directory, 'counts'), 'utf8').trimEnd().split('\n').map(Number);

const ITEMS = Array.from({ length: 600 }, (_, k) => JSON.stringify('x'.repeat(k)));

const seeds = (): number[] => {
  const { rng, open } = createStreams(7);
  return ITEMS.map((_, index) => {
    open(index);
    return rng.seed32;
  });
};

test('a worker whose answers name their index has several lines in hand, in any order', async () => {
  const answer = '{ index: question.index, value: question.item.length + question.seed32 }';
  const { column, errors, hi } = await evaluate(answer, ITEMS);
  const values = column?.kind === 'number' ? [...column.values] : null;
  expect([hi, errors, values]).toEqual([600, [], seeds().map((seed, k) => seed + k)]);
  expect(counts()[0]).toBe(1);
  expect(Math.max(...counts())).toBeGreaterThan(100);
  expect(Math.max(...counts())).toBeLessThanOrEqual(256);
});

test('a worker whose answers name none has one line in hand', async () => {
  const { column } = await evaluate('{ value: question.item.length }', ITEMS.slice(0, 9));
  expect(column?.kind === 'number' ? [...column.values] : null).toEqual([
    ...[0, 1, 2, 3, 4, 5, 6, 7, 8],
  ]);
  expect(counts()).toEqual(new Array(9).fill(1));
});

test('a worker that logs has one line in hand, so that each line stands with its candidate', async () => {
  const answer = '(console.error("log"), { index: question.index, value: 1 })';
  await evaluate(answer, ITEMS.slice(0, 9));
  expect(counts()).toEqual(new Array(9).fill(1));
});

test('what candidates wrote to the scratch folder is there until they are answered', async () => {
  const answer = `{ index: question.index, value: existsSync('scratch/' + question.index) }`;
  const { column, hi } = await evaluate(answer, ITEMS);
  expect(hi).toBe(600);
  expect(column?.kind === 'text' ? new Set(column.texts) : column).toEqual(new Set(['true']));
});

test.each([
  ['{"value": NaN}', 'TypeError: a worker’s answer is not JSON, which has no NaN: {"value": NaN}'],
  ['{"value": [1, -Infinity]}', 'is not JSON, which has no -Infinity: '],
  ['{"value"', 'TypeError: a worker’s answer is not JSON: {"value"'],
  ['0', 'TypeError: a worker’s answer is no object, such as {"value":…}: 0'],
  ['[{"value":1}]', 'is no object, such as {"value":…}: [{"value":1}]'],
  [
    '{"value":1,"error":"e","reject":true}',
    'more than one of "value", "reject" and "error": {"val',
  ],
  ['{"index":0,"reject":true,"value":1}', 'more than one of "value", "reject" and "error": {"ind'],
  ['{"values":1}', 'has no "value", "reject" or "error": {"values":1}'],
  ['{"value":"\\377"}', 'TypeError: a worker’s answer is not UTF-8: {"value":"\ufffd"}'],
])('of the answer %s it is said what is wrong with it', async (line, fault) => {
  const worker = lineWorker({ command: `read q; printf '${line}\\n'; cat`, directory, files: {} });
  const program = await loadProgram(
    async () => ({ default: worker.evaluate, setup: worker.setup }),
    null,
  );
  const evaluator = createEvaluator({
    ...{ program, streams: createStreams(7), log: () => {}, at: new Float64Array(1), note() {} },
    scratch: new Scratch(join(directory, 'scratch')),
    ...{ isFull: () => false, restore() {}, now: () => 0, judging: { judge: null } },
  });
  const { errors } = await evaluator(0, 1, undefined);
  expect(errors[0]?.detail).toContain(fault);
  // Of what was thrown no line is the user's.
  expect(errors[0]?.detail).not.toContain('\n');
  await worker.teardown(program as { state: ReturnType<typeof worker.setup> });
});
