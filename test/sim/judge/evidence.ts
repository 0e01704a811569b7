import { finalLines, lineAt } from '../../../src/core/answer.ts';
import type { Computation } from '../../../src/core/computation.ts';
import type { Hash } from '../../../src/core/ids.ts';
import { IntervalSet } from '../../../src/core/interval-set.ts';
import type { JobState } from '../../../src/core/job-state.ts';
import type { Outcome } from '../../../src/core/outcome.ts';
import type { PeerState } from '../../../src/core/peer-state.ts';
import { decodeBody } from '../../../src/core/record-codec.ts';
import { type Machine, sha256 } from '../world/machine.ts';
import type { OracleLine } from '../world/oracle.ts';

/** Says whether a line of the mesh is that of the oracle. */
export function sameLine(index: number, outcome: Outcome, line: OracleLine | undefined): boolean {
  if (line === undefined || line[0] !== index) return false;
  const [, text] = line;
  if (outcome.kind === 'long') return outcome.hash === sha256(text);
  return text === (outcome.kind === 'value' ? outcome.text : `error ${outcome.name}`);
}

/** The indices and outcomes of the lines of a job that are final here, from a position on. */
export function linesFrom(job: JobState, from: number): [number, Outcome][] {
  const lines: [number, Outcome][] = [];
  const end = finalLines(job);
  for (let position = from; position < end; position++) {
    const line = lineAt(job, position);
    if (line === undefined) break;
    lines.push([line.index, line.outcome]);
  }
  return lines;
}

const hashes = new WeakMap<Uint8Array, Hash>();
const decoded = new WeakMap<Uint8Array, ReturnType<typeof decodeBody>>();

/** The hash of a record's body, reckoned once. */
function hashOf(body: Uint8Array): Hash {
  const known = hashes.get(body) ?? sha256(body);
  hashes.set(body, known);
  return known;
}

/** What a record's body says, read once. */
function read(body: Uint8Array): ReturnType<typeof decodeBody> {
  const known = decoded.get(body) ?? decodeBody(body);
  decoded.set(body, known);
  return known;
}

/** Says whether what a receipt names is on a machine's disk, with all that this names in turn. */
export function isOnDisk(machine: Machine, hash: Hash): boolean {
  for (const { scope, body } of machine.disk.records.values()) {
    if (hashOf(body) !== hash) continue;
    const said = read(body);
    if (!('value' in said)) return false;
    if (scope !== 'control' || said.value.kind !== 'manifest') return true;
    const { program, params, items } = said.value.manifest.spec;
    const named = items === null ? [program, params] : [program, params, items.root];
    return named.every((blob) => machine.disk.blobs.has(blob));
  }
  return answerIsOnDisk(machine, hash);
}

/** Says whether all outcomes of a certified answer are on a machine's disk. */
function answerIsOnDisk(machine: Machine, certificate: Hash): boolean {
  const jobs = [...(machine.state?.jobs.values() ?? [])];
  return jobs.some((job) => {
    const { ending } = job;
    if (ending?.certificate !== certificate) return false;
    const { covered, long } = onDisk(machine, job.computation.id);
    for (const index of job.skipped) covered.add(index, index + 1);
    if (!covered.covers(0, ending.end)) return false;
    return long.every(({ index, hash }) => {
      const outcome = job.computation.answers.get(index);
      const isPart = index < ending.end && outcome?.kind === 'long' && outcome.hash === hash;
      return !isPart || machine.disk.blobs.has(hash);
    });
  });
}

/** What the segments on a disk cover, and the long values that they name. */
export function onDisk(
  machine: Machine,
  scope: string,
): { covered: IntervalSet; long: { index: number; hash: Hash }[] } {
  const covered = new IntervalSet();
  const long: { index: number; hash: Hash }[] = [];
  for (const record of machine.disk.records.values()) {
    if (record.scope !== scope) continue;
    const said = read(record.body);
    if (!('value' in said) || said.value.kind !== 'segment') continue;
    const { lo, hi, accepted } = said.value;
    covered.add(lo, hi);
    for (const column of accepted) {
      if (column.kind !== 'hash') continue;
      for (const [k, index] of column.indices.entries()) {
        long.push({ index, hash: column.hashes[k] ?? '' });
      }
    }
  }
  return { covered, long };
}

/** What a peer knows that its disk is to hold: equal texts are equal states. */
export function fingerprint(state: PeerState): string {
  const jobs = [...state.jobs.values()].map((job) => [
    job.id,
    [...job.ops].map(([kind, { hash }]) => [kind, hash]).sort(),
    // Of several, the one that was known first is told apart once all is read.
    job.rivals.length === 0 ? (job.certificate?.certificate ?? null) : null,
    job.successor?.id ?? null,
    [...job.skips].sort((a, b) => a - b),
  ]);
  const computations = [...state.computations.values()].map((computation) => [
    computation.id,
    state.logs.digest(computation.id, sha256),
    undisputed(computation).toArray(),
    computation.disputes.size === 0 ? computation.answers.lines : null,
    computation.losses.length,
    [...computation.attempts].map(([index, list]) => [index, list.length]).sort(byNumber),
    [...computation.disputes.indices()].sort((a, b) => a - b),
  ]);
  const control = state.logs.digest('control', sha256);
  const text = JSON.stringify([control, jobs.sort(byName), computations.sort(byName)]);
  return sha256(text);
}

/** Coverage but for disputed indices: what holds there may depend on a certificate, at first. */
function undisputed({ coverage, disputes }: Computation): IntervalSet {
  if (disputes.size === 0) return coverage;
  const sure = coverage.clone();
  for (const index of disputes.indices()) sure.remove(index, index + 1);
  return sure;
}

function byName(a: unknown[], b: unknown[]): number {
  return String(a[0]) < String(b[0]) ? -1 : 1;
}

function byNumber(a: unknown[], b: unknown[]): number {
  return Number(a[0]) - Number(b[0]);
}
