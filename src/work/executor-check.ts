import { type ErrorOutcome, MAX_VALUE_BYTES } from '../core/column.ts';
import {
  bytes,
  type Form,
  fields,
  finite,
  flag,
  list,
  map,
  nullable,
  oneOf,
  Rejection,
  refine,
  text,
  whole,
} from '../core/form.ts';
import { LOG_LEVELS, MAX_LOG_TEXT_BYTES } from '../core/log-line.ts';
import type { ValueColumn } from './candidate/accepted-column.ts';
import type { SentLine } from './candidate/log-lines.ts';
import { type FromExecutor, MOST_DETAIL } from './executor-message.ts';
import type { WorkFailure } from './workforce.ts';

const MOST_INDEX = Number.MAX_SAFE_INTEGER;
/** The last instant that a date can be, in ms since 1970. */
const LAST_MS = 8.64e15;
/** Characters of the name of an error, and of what is told of it (of all of it, in a trace). */
const MOST_NAME = 128;
const MOST_TOLD = 65_536;
const MOST_PIECE_BYTES = 1_048_576;
const MOST_LINES = 1024;
const MOST_KEYS = 64;

const level = oneOf(...LOG_LEVELS);
const positive = refine(finite, (value) => (value < 0 ? 'below 0' : undefined));
const detail = text(MOST_DETAIL);
const failureForm = fields<WorkFailure>({
  kind: oneOf('died', 'timeout', 'memory', 'stack', 'system', 'setup'),
  detail,
});
const lineForm = fields<SentLine>({
  timeMs: whole(0, LAST_MS),
  index: whole(-1, MOST_INDEX),
  level,
  text: refine(text(MAX_LOG_TEXT_BYTES), (line) =>
    Buffer.byteLength(line) > MAX_LOG_TEXT_BYTES ? 'a line is too long' : undefined,
  ),
  held: flag,
});
/** What is kept of a message must not keep the whole of it. */
const piece = fields({
  name: oneOf('stdout', 'stderr'),
  at: whole(0, MOST_INDEX),
  bytes: map(bytes(MOST_PIECE_BYTES, 1), (value) => new Uint8Array(value)),
  startedMs: refine(finite, (ms) => (Math.abs(ms) > LAST_MS ? 'no date' : undefined)),
});
const errorForm = fields<ErrorOutcome>({
  index: whole(0, MOST_INDEX),
  // Its bytes have half a character no more, and the outcome would be another one on other peers.
  name: refine(text(MOST_NAME, 1), (name) =>
    name.isWellFormed() ? undefined : 'half a character',
  ),
  detail: text(MOST_TOLD),
});
const errorsForm = list(errorForm, MOST_INDEX);

type Kind = FromExecutor['kind'];
type OfKind<K extends Kind> = Extract<FromExecutor, { kind: K }>;

const FORMS: { readonly [K in Kind]: Form<OfKind<K>> } = {
  loaded: fields<OfKind<'loaded'>>({ kind: oneOf('loaded'), teardown: flag, seedless: flag }),
  refused: fields<OfKind<'refused'>>({ kind: oneOf('refused'), detail }),
  batch: refine(
    fields<OfKind<'batch'>>({
      kind: oneOf('batch'),
      lo: whole(0, MOST_INDEX),
      hi: whole(0, MOST_INDEX),
      column: nullable(columnForm),
      errors: errorsForm,
      ms: positive,
      worn: flag,
      next: whole(1, 2 ** 26),
    }),
    ({ lo, hi, column, errors }) => faultOfOutcomes(lo, hi, column, errors),
  ),
  failure: fields<OfKind<'failure'>>({
    kind: oneOf('failure'),
    index: whole(0, MOST_INDEX),
    failure: failureForm,
  }),
  drained: fields<OfKind<'drained'>>({ kind: oneOf('drained'), token: whole(-1, MOST_INDEX) }),
  output: fields<OfKind<'output'>>({
    kind: oneOf('output'),
    index: whole(0, MOST_INDEX),
    piece,
  }),
  leaving: fields<OfKind<'leaving'>>({ kind: oneOf('leaving') }),
  log: fields<OfKind<'log'>>({ kind: oneOf('log'), lines: list(lineForm, MOST_LINES) }),
  draw: fields<OfKind<'draw'>>({
    kind: oneOf('draw'),
    draw: fields<OfKind<'draw'>['draw']>({
      call: text(MOST_NAME),
      first: whole(0, MOST_INDEX),
      count: whole(0, MOST_INDEX),
      value: (value) => (typeof value === 'number' ? value : new Rejection('not a number')),
    }),
  }),
  usage: fields<OfKind<'usage'>>({
    kind: oneOf('usage'),
    usage: fields<OfKind<'usage'>['usage']>({
      drawn: nullable(whole(0, MOST_INDEX)),
      residentBytes: positive,
      cpuMs: positive,
    }),
  }),
  'log.settled': fields<OfKind<'log.settled'>>({ kind: oneOf('log.settled'), isKept: flag }),
  'log.notice': fields<OfKind<'log.notice'>>({ kind: oneOf('log.notice'), text: detail }),
  'log.dropped': fields<OfKind<'log.dropped'>>({
    kind: oneOf('log.dropped'),
    index: whole(-1, MOST_INDEX),
    lines: whole(1, MOST_INDEX),
  }),
};

/** What an executor told, of a known kind and with all that belongs to it. Never throws. */
export const fromExecutorForm: Form<FromExecutor> = (value) => {
  if (typeof value !== 'object' || value === null) return new Rejection('not a message');
  const { kind } = value as { kind?: unknown };
  const isKnown = typeof kind === 'string' && Object.hasOwn(FORMS, kind);
  return isKnown ? FORMS[kind as Kind](value) : new Rejection('a message of no known kind');
};

function columnForm(value: unknown): ValueColumn | Rejection {
  const { kind } = (value ?? {}) as { kind?: unknown };
  switch (kind) {
    case 'number':
      return numberColumn(value);
    case 'record':
      return recordColumn(value);
    case 'text':
      return textColumn(value);
    default:
      return new Rejection('not a column');
  }
}

const doubles: Form<Float64Array> = (value) =>
  value instanceof Float64Array ? value : new Rejection('not a list of doubles');

const numbers: Form<Float64Array> = refine(doubles, (values) => {
  for (let k = 0; k < values.length; k += 1) {
    const value = values[k] as number;
    // As negative zero a number would have another form than its text has.
    // What is not finite is no zero less itself; all values of all batches come by here.
    if (value - value !== 0 || (value === 0 && 1 / value < 0)) return 'not a number that JSON has';
  }
  return undefined;
});

const keys = refine(list(text(MOST_TOLD, 1), MOST_KEYS, 1), (names) => {
  if (new Set(names).size !== names.length) return 'a key stands twice';
  const isFit = (key: string): boolean =>
    key.isWellFormed() && key !== '__proto__' && !/^\d+$/.test(key);
  return names.every(isFit) ? undefined : 'a key that no record has';
});

const value = refine(text(MAX_VALUE_BYTES), (json) => {
  if (!json.isWellFormed() || CONTROLS.test(json)) return 'a value is not one line of JSON';
  if (json.length * 3 > MAX_VALUE_BYTES && Buffer.byteLength(json) > MAX_VALUE_BYTES) {
    return 'a value is too long';
  }
  try {
    JSON.parse(json);
    return undefined;
  } catch {
    return 'a value is not JSON';
  }
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it looks for.
const CONTROLS = /[\u0000-\u001f]/;

const numberColumn = refine(
  fields<Extract<ValueColumn, { kind: 'number' }>>({
    kind: oneOf('number'),
    indices: doubles,
    values: numbers,
  }),
  ({ indices, values }) => (values.length === indices.length ? undefined : 'not as many numbers'),
);
const recordColumn = refine(
  fields<Extract<ValueColumn, { kind: 'record' }>>({
    kind: oneOf('record'),
    keys,
    indices: doubles,
    columns: list(numbers, MOST_KEYS),
  }),
  (column) => {
    const { length } = column.indices;
    const fits = column.columns.every((each) => each.length === length);
    return fits && column.columns.length === column.keys.length ? undefined : 'not as many numbers';
  },
);
const textColumn = refine(
  fields<Extract<ValueColumn, { kind: 'text' }>>({
    kind: oneOf('text'),
    indices: doubles,
    texts: list(value, MOST_INDEX),
  }),
  ({ indices, texts }) => (texts.length === indices.length ? undefined : 'not as many texts'),
);

/** Indices rise, lie in [lo, hi), and none stands in both lists. */
function faultOfOutcomes(
  lo: number,
  hi: number,
  column: ValueColumn | null,
  errors: readonly ErrorOutcome[],
): string | undefined {
  if (hi < lo) return 'a batch that ends before it begins';
  const indices = column?.indices ?? new Float64Array();
  let before = lo - 1;
  for (let k = 0; k < indices.length; k += 1) {
    const index = indices[k] as number;
    const isInPlace = index > before && index < hi && Math.floor(index) === index;
    if (!isInPlace) return 'an index out of place';
    before = index;
  }
  before = lo - 1;
  let slot = 0;
  for (const { index } of errors) {
    if (index <= before || index >= hi) return 'the index of an error is out of place';
    before = index;
    while (slot < indices.length && (indices[slot] as number) < index) slot += 1;
    if (indices[slot] === index) return 'two outcomes of one index';
  }
  return undefined;
}
