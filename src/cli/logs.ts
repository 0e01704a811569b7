import { InvalidArgumentError } from 'commander';
import { isLogLevel, LOG_LEVELS, type LogLevel } from '../core/log-line.ts';
import type { CollectedLine } from '../logs/log-collection.ts';
import type { LogOptions } from '../node/jobs/job-logs.ts';
import type { PeerRow } from '../node/mesh.ts';
import { interruptSignal, tell } from './context.ts';
import { EXIT } from './exit-code.ts';
import { shortPeer, visible } from './format.ts';
import { JOB } from './job-argument.ts';
import { candidateIndex } from './option-values.ts';
import { withJob } from './use-mesh.ts';
import type { Verb } from './verb.ts';

type LogFlags = Pick<LogOptions, 'peer' | 'index' | 'level'> & { readonly follow?: true };

export const logs: Verb<readonly [string], LogFlags> = {
  name: 'logs',
  group: 'Jobs',
  summary: 'what the candidates logged, on all peers',
  notes:
    'Each line has the time, the peer, the index, the level and the text; with --json it is an ' +
    'object. Lines are in the order of time as each peer’s own clock tells it. log() and ' +
    'console.log are info, and so is what workers and commands write to stderr. Each peer keeps ' +
    'what it ran: 1000 lines or 64 KiB of a candidate, 16 MiB of a job, 128 MiB in all; the ' +
    'oldest go first, and a line says how many. Peers that cannot be reached are named on stderr.',
  examples: [
    'meshd logs model --follow',
    'meshd logs model --index 4711',
    'meshd logs model --peer node-7 --level warn --json',
  ],
  positionals: [JOB],
  flags: [
    { flags: '--follow', help: 'go on with what comes until the job ends' },
    { flags: '--peer <peer>', help: 'of that peer alone: its name, or the beginning of its id' },
    { flags: '--index <i>', help: 'of that candidate alone', parse: candidateIndex },
    {
      flags: '--level <level>',
      help: 'not below this one: debug, info, warn or error (default: debug)',
      parse: logLevel,
      complete: LOG_LEVELS,
    },
  ],
  run(context, [reference], flags) {
    return withJob(
      context,
      reference,
      async (job, mesh) => {
        const { signal, release } = interruptSignal(context.io);
        const { LineWriter } = await import('../control/line-writer.ts');
        const writer = new LineWriter(context.io.stdout);
        const names = new Map((await mesh.peers()).map((row) => [row.peer, nameOf(row)]));
        try {
          for await (const entry of job.logs({ ...flags, signal })) {
            if (!('missing' in entry)) {
              await writer.write(context.json ? json(entry) : text(entry, names));
              continue;
            }
            const name = names.get(entry.missing) ?? shortPeer(entry.missing);
            tell(context, `the log of ${name} is missing: ${visible(entry.why)}`, {
              ...{ event: 'missing', peer: entry.missing, why: entry.why },
            });
          }
          return EXIT.done;
        } catch (error) {
          if (signal.aborted) return EXIT.interrupted;
          throw error;
        } finally {
          await writer.flush();
          release();
        }
      },
      { slots: 0 },
    );
  },
};

function logLevel(given: string): LogLevel {
  if (isLogLevel(given)) return given;
  throw new InvalidArgumentError(`It must be one of ${LOG_LEVELS.join(', ')}.`);
}

function nameOf({ name, peer }: PeerRow): string {
  return name === '' ? shortPeer(peer) : visible(name);
}

function json({ timeMs, peer, index, level, text }: CollectedLine): string {
  return JSON.stringify({ time: new Date(timeMs).toISOString(), peer, index, level, text });
}

/** Continued lines of one text are set in, so that each line that begins at the margin is one. */
function text(line: CollectedLine, names: ReadonlyMap<string, string>): string {
  const time = new Date(line.timeMs).toISOString();
  const peer = names.get(line.peer) ?? shortPeer(line.peer);
  const words = line.text.split('\n').map(visible).join('\n  ');
  return `${time} ${peer} ${line.index ?? '-'} ${line.level} ${words}`;
}
