import type { OutputPiece } from '../../node/mesh.ts';
import { type CommandValue, failureOf, hasSucceeded } from '../../node/reports/command-result.ts';
import type { Context } from '../context.ts';
import { tell } from '../context.ts';
import { formatCount, formatSeconds, visible } from '../format.ts';
import { type ResultSink, resultSink } from '../output-file.ts';
import { JobLogWriter, type LoggedJob } from '../parallel/job-log.ts';
import { writeResults } from '../parallel/results-folder.ts';
import { ResultsTable, tableForm } from '../parallel/results-table.ts';
import { compileName, type Template } from '../parallel/template.ts';
import type { CommandFlags } from './flags.ts';
import type { Result } from './gather.ts';
import { keepOutput } from './kept-output.ts';
import { placesOf } from './places.ts';
import type { Planned } from './plan.ts';
import { bytesOf, OutputWriter } from './writer.ts';

/** Characters of a command in a line for a person. */
const SHOWN = 60;

/** What commands came to, in figures. */
export interface Tally {
  readonly commands: number;
  readonly succeeded: number;
  readonly failed: number;
  /** They were known from an earlier run. */
  readonly known: number;
  /** They were not begun, or came to no end of their own: the job ended before. */
  readonly open: number;
  /** Those of them that --halt ended, or that ended just behind it. */
  readonly halted: number;
}

/** Where a command stands in its job, as `rerun` takes it; null: in no job of the run. */
interface InJob {
  readonly inJob?: () => string | null;
}

/** A result to show. */
interface Shown extends Result, InJob {
  /** It ran, and --halt lets it have no result. */
  readonly halted?: boolean;
}

/** Shows the results of commands where their options say, and counts them. */
export class CommandReport {
  readonly #context: Context;
  readonly #flags: CommandFlags;
  readonly #columns: readonly string[];
  readonly #writer: OutputWriter;
  readonly #lines: ResultSink | null;
  readonly #log: JobLogWriter | null;
  /** Takes all results (--results FILE.csv). */
  readonly #table: ResultsTable | null;
  #tally = { commands: 0, succeeded: 0, failed: 0, known: 0, open: 0, halted: 0 };
  /** Commands that were printed. */
  readonly #announced = new Set<number>();
  #firstFailure: string | null = null;

  /** @throws MeshError MESH_USAGE when the job log cannot be written */
  constructor(context: Context, flags: CommandFlags, columns: readonly string[] = []) {
    const { joblog, resume, resumeFailed, out, results = '' } = flags;
    this.#context = context;
    this.#flags = flags;
    this.#columns = columns;
    this.#writer = new OutputWriter(context.io, {
      tag: flags.ungroup === true ? null : tagOf(flags, columns),
    });
    const append = resume === true || resumeFailed === true;
    this.#log = joblog === undefined ? null : new JobLogWriter(joblog, { append });
    const form = tableForm(results);
    this.#table =
      form === null ? null : new ResultsTable(results, form, context.io.stdout, columns);
    this.#lines = context.json || out !== undefined ? resultSink(context.io, out) : null;
  }

  get tally(): Tally {
    return this.#tally;
  }

  /** Shows what a command wrote that still runs. */
  async piece({ seq, args, command }: Planned, piece: OutputPiece): Promise<void> {
    await this.#announce(seq, args, command);
    await this.#writer.piece(seq, args, piece);
  }

  async show(planned: Planned, { value, known, halted = false, inJob }: Shown): Promise<void> {
    this.#tally.commands++;
    if (value === undefined) {
      this.#tally.open++;
      if (halted) this.#tally.halted++;
      return;
    }
    if (known) this.#tally.known++;
    if (hasSucceeded(value)) this.#tally.succeeded++;
    else this.#fail(planned, failureOf(value), inJob);
    const job = {
      ...{ seq: planned.seq, host: value.peer ?? ':', command: planned.command },
      ...{ startedAtMs: value.started * 1000, runtimeMs: value.seconds * 1000 },
      ...{ sentBytes: planned.files.sentBlock?.bytes ?? 0, receivedBytes: sizeOf(value) },
      ...{ exit: value.ended === undefined ? value.exit : -1, signal: value.signal },
    };
    await this.#put(planned, value, job);
    this.#log?.write(job);
  }

  /** A command that came to no end for a reason of its own. */
  lost(planned: Planned, { why, inJob }: { readonly why: string } & InJob): void {
    this.#tally.open--;
    this.#fail(planned, why, inJob);
  }

  /** One line on how all went; then the first failure. */
  end(seconds: number): void {
    const { commands, failed, known, open, halted } = this.#tally;
    const parts = [commands === 1 ? '1 command' : `${formatCount(commands)} commands`];
    if (failed > 0) parts.push(`${formatCount(failed)} failed`);
    if (halted > 0) parts.push(`${formatCount(halted)} ended by --halt`);
    if (open > halted) parts.push(`${formatCount(open - halted)} not run`);
    if (known > 0) parts.push(known === commands ? 'all known before' : `${known} known before`);
    parts.push(formatSeconds(seconds));
    tell(this.#context, parts.join(', '), { event: 'ended', ...this.#tally, seconds });
    const first = this.#firstFailure;
    if (first !== null) tell(this.#context, first, { event: 'failure', first });
  }

  async close(): Promise<void> {
    this.#log?.close();
    this.#table?.close();
    await this.#lines?.end();
  }

  #fail({ seq, command }: Planned, how: string, inJob: InJob['inJob']): void {
    this.#tally.failed++;
    if (this.#firstFailure !== null) return;
    const place = inJob?.() ?? null;
    const which = place === null ? `command ${seq}` : `command ${seq}, ${place}`;
    const text = command.length > SHOWN ? `${command.slice(0, SHOWN)}…` : command;
    // The command stands at the end: it may itself be `exit 1`.
    this.#firstFailure = `first failure: ${which} (${visible(how)}): ${visible(text)}`;
  }

  async #put({ seq, args, command }: Planned, value: CommandValue, job: LoggedJob): Promise<void> {
    const { results, files } = this.#flags;
    if (results !== undefined) {
      const stdout = bytesOf(value.stdout, value.stdoutBase64, value.stdoutFile);
      const stderr = bytesOf(value.stderr, value.stderrBase64, value.stderrFile);
      const [out, err] = [value.stdoutFile?.file ?? '', value.stderrFile?.file ?? ''];
      const left = [stdout ?? out, stderr ?? err] as const;
      const options = placesOf(this.#flags, this.#columns);
      if (this.#table === null) await writeResults(results, [...args], seq, ...left, options);
      else await this.#table.write({ ...job, args, stdout: left[0], stderr: left[1] });
      if (this.#lines === null) return;
    }
    if (this.#lines !== null) {
      const error = hasSucceeded(value) ? {} : { error: failureOf(value) };
      await this.#lines.write(JSON.stringify({ index: seq - 1, command, ...error, value }));
      return;
    }
    await this.#announce(seq, args, command);
    await this.#writer.write(seq, args, files === true ? await this.#named(value) : value);
  }

  /** The value of a command of which a file has the output: its path in place of it. */
  async #named(value: CommandValue): Promise<CommandValue> {
    const path = await keepOutput(this.#flags.tmpdir, value);
    const { stdoutBase64: _, stdoutFile: __, ...rest } = value;
    return { ...rest, stdout: `${path}\n` };
  }

  /** Prints the command before its output, once (-v, -t). */
  async #announce(seq: number, args: readonly string[], command: string): Promise<void> {
    const { printed, verbose } = this.#flags;
    if ((printed !== true && verbose !== true) || this.#announced.has(seq)) return;
    this.#announced.add(seq);
    if (printed === true) await this.#writer.line('stdout', { seq, args }, command);
    if (verbose === true) await this.#writer.line('stderr', { seq, args }, command);
  }
}

/** What lines begin with: the arguments (--tag), or what --tagstring says; null: nothing. */
export function tagOf(flags: CommandFlags, columns: readonly string[]): Template | null {
  const { tag, tagstring } = flags;
  if (tagstring === undefined) return tag === true ? (args) => args.join(' ') : null;
  return compileName(tagstring, placesOf(flags, columns)) ?? (() => tagstring);
}

function sizeOf({ stdout = '', stdoutBase64 = '', stdoutFile }: CommandValue): number {
  if (stdoutFile !== undefined) return stdoutFile.bytes;
  return Buffer.byteLength(stdout) + Buffer.byteLength(stdoutBase64, 'base64');
}
