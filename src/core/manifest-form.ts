import {
  digits,
  type Form,
  flag,
  hash,
  list,
  map,
  nullable,
  oneOf,
  Rejection,
  text,
  tuple,
  whole,
} from './form.ts';
import { MAX_INDEX } from './interval-set.ts';
import { limitsForm } from './limits.ts';
import {
  type ComputationSpec,
  MAX_LOG_IF,
  MAX_MICROSECONDS,
  type Manifest,
  type Target,
} from './manifest.ts';
import { needsForm } from './needs.ts';
import { MAX_PER_HOUR } from './rate.ts';
import { peerForm } from './register-codec.ts';

/** Most accepted candidates or items that one job may ask for. */
export const MAX_TARGET = 2_147_483_648;

const index = whole(0, MAX_INDEX);

const items = map(tuple(hash, whole(1, MAX_TARGET)), ([root, count]) => ({ root, count }));

const ofFunction = map(digits(8), (mathClass) => ({ mathClass, commandsOf: null }));
const ofCommands = map(peerForm, (commandsOf) => ({ mathClass: null, commandsOf }));

/** Of a function the class of Math that it needs, of commands their owner. */
const runner: Form<Pick<ComputationSpec, 'mathClass' | 'commandsOf'>> = (value) =>
  typeof value === 'string' ? ofCommands(value) : ofFunction(value);

const spec: Form<ComputationSpec> = map(
  tuple(hash, hash, index, nullable(items), whole(1, 1000), runner),
  ([program, params, seed, itemList, contract, who]) => ({
    program,
    params,
    seed,
    items: itemList,
    contract,
    ...who,
  }),
);

const accept: Form<Target> = map(
  tuple(oneOf('accept'), whole(1, MAX_TARGET), nullable(whole(1, MAX_INDEX))),
  ([kind, count, maxEvals]) => ({ kind, count, maxEvals }),
);
const mapTarget: Form<Target> = map(tuple(oneOf('map'), whole(1, MAX_TARGET)), ([kind, count]) => ({
  kind,
  count,
}));

const target: Form<Target> = (value) =>
  Array.isArray(value) && value[0] === 'map' ? mapTarget(value) : accept(value);

const spent = whole(0, MAX_MICROSECONDS);

const probe = map(tuple(whole(0, 1024), whole(0, 1024), spent), ([candidates, accepted, us]) => ({
  candidates,
  accepted,
  ms: us / 1000,
}));

const shape = tuple(
  text(64, 1),
  digits(16),
  text(64, 1),
  spec,
  target,
  limitsForm,
  needsForm,
  nullable(whole(1, MAX_PER_HOUR)),
  nullable(whole(0, MAX_TARGET)),
  flag,
  whole(-10, 10),
  whole(0, MAX_INDEX),
  nullable(whole(0, MAX_INDEX)),
  nullable(hash),
  nullable(hash),
  nullable(text(MAX_LOG_IF, 1)),
  probe,
);

/** Checks the decoded form of a manifest. */
export const manifestForm: Form<Manifest> = (value) => {
  const result = shape(value);
  if (result instanceof Rejection) return result;
  const [owner, nonce, name, specification, aim, limits, needs, perHour, ...others] = result;
  const [maxErrors, fresh, priority, publishedAt, deadlineAt, root, sources, logIf, probed] =
    others;
  const { items: itemList } = specification;
  const isMap = aim.kind === 'map';
  if (isMap !== (itemList !== null) || (isMap && itemList?.count !== aim.count)) {
    return new Rejection('the target does not fit the items');
  }
  const { commandsOf } = specification;
  if (commandsOf !== null && (!isMap || commandsOf !== owner)) {
    return new Rejection('commands of somebody else, or without items');
  }
  return {
    owner,
    nonce,
    name,
    spec: specification,
    target: aim,
    limits,
    needs,
    perHour,
    maxErrors,
    fresh,
    priority,
    publishedAt,
    deadlineAt,
    root,
    sources,
    logIf,
    probe: probed,
  };
};

/** Rising indices, not empty, at most 65 536. */
export const risingIndices: Form<number[]> = (value) => {
  const result = list(index, 65_536, 1)(value);
  if (result instanceof Rejection) return result;
  for (let i = 1; i < result.length; i++) {
    if ((result[i] ?? 0) <= (result[i - 1] ?? 0)) return new Rejection('not rising', `[${i}]`);
  }
  return result;
};
