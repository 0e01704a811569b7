import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Summary } from '../../src/index.ts';
import { poll } from '../e2e/lab.ts';
import { type OracleAnswer, oracle } from '../oracle.ts';
import type { MeshLab } from './mesh-lab.ts';

/** A function that leaves a mark on the machine where it is evaluated. */
const MARKED = 'test/lab/functions/marked.js';

/** How long one candidate of a marked job takes, and how many lines the job has. */
export interface MarkedOptions {
  readonly accept: number;
  /** A candidate waits so long. @default 0 */
  readonly ms?: number;
  /** A candidate adds so many roots; a million takes some ms of a core. @default 0 */
  readonly work?: number;
}

let jobs = 0;

/** A job of which is known where its candidates were evaluated. */
export class MarkedJob {
  readonly id: string;
  readonly accept: number;
  readonly #lab: MeshLab;
  readonly #marks: string;

  private constructor(lab: MeshLab, id: string, accept: number, marks: string) {
    this.id = id;
    this.accept = accept;
    this.#lab = lab;
    this.#marks = marks;
  }

  /** Publishes on a home; the job goes on whatever becomes of that peer. */
  static async publish(
    lab: MeshLab,
    home: string,
    { accept, ms = 0, work = 0 }: MarkedOptions,
  ): Promise<MarkedJob> {
    jobs += 1;
    const marks = join(lab.folder, `marks-${jobs}`);
    mkdirSync(marks);
    const params = JSON.stringify({ trace: marks, ms, work });
    const opened = ['--allow-write', marks, '--allow-read', '/proc/self/ns/net'];
    const args = ['--accept', `${accept}`, '--params', params, '--detach', ...opened];
    const { code, stdout, stderr } = await lab.run(home, 'publish', MARKED, ...args);
    if (code !== 0) throw new Error(`publish ended with ${code}: ${stderr}`);
    return new MarkedJob(lab, stdout.trim(), accept, marks);
  }

  /** How many candidates were begun on a machine so far. */
  evaluationsOn(name: string): number {
    const { namespace } = this.#lab.machine(name);
    const machine = statSync(`/run/netns/${namespace.name}`).ino;
    try {
      return readFileSync(join(this.#marks, `${machine}`), 'utf8').split('\n').length - 1;
    } catch {
      return 0;
    }
  }

  /** Resolves once so many further candidates were begun on each of these machines. */
  async worksOn(names: readonly string[], more: number = 5): Promise<void> {
    const goals = names.map((name) => [name, this.evaluationsOn(name) + more] as const);
    for (const [name, goal] of goals) {
      await poll(`${goal} evaluations on ${name}`, async () => {
        await briefly();
        return this.evaluationsOn(name) >= goal;
      });
    }
  }

  /** Waits on a home for the job's end, and holds lines and certificate against the oracle. */
  async expectOracle(home: string): Promise<Summary> {
    const file = join(this.#lab.folder, `${this.id}-${home}.json`);
    const truth = await this.#truth();
    const { code, stdout, stderr } = await this.#lab.run(
      ...([home, 'attach', this.id, '--summary', file] as const),
    );
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(truth.stdout);
    const summary = JSON.parse(readFileSync(file, 'utf8')) as Summary;
    expect(summary.status).toBe('done');
    expect(summary.evaluated).toBe(truth.evaluated);
    expect(summary.certificate).toBe(truth.certificate(summary.computation));
    return summary;
  }

  #truth(): Promise<OracleAnswer> {
    return oracle({ fn: MARKED, accept: this.accept });
  }
}

/** Between two looks at a file. */
function briefly(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 20);
  return promise;
}
