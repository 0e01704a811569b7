import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandRun } from './command-run.ts';
import { isThere } from './processes.ts';
import type { System } from './system.ts';

/** Commands in plain shells, one for each slot: what no program that starts them is faster than. */
export const shellLoop: System = {
  ...{
    name: 'bare loop, sh',
    language: 'shell',
    startsAnew: true,
    kinds: ['touch'],
    apt: [],
    npm: [],
  },
  missing: () => null,
  start: async (_, setting) =>
    new CommandRun(setting, {
      argv: () => ['sh', '-c', 'for k in parts.*; do sh $k & done; wait'],
      prepare: (folder, command, lines) => {
        const share = Math.ceil(lines.length / setting.slots);
        for (let k = 0; k < setting.slots; k += 1) {
          const part = lines.slice(k * share, (k + 1) * share);
          const text = part.map((line) => `${command.join(' ').replace('{}', line)}\n`).join('');
          writeFileSync(join(folder, `parts.${k}`), text);
        }
      },
    }),
};

export const xargs: System = {
  ...{
    name: 'xargs -P',
    language: 'shell',
    startsAnew: true,
    kinds: ['touch', 'traced'],
    apt: [],
    npm: [],
  },
  missing: () => (isThere('xargs') ? null : 'xargs'),
  start: async (_, setting) =>
    new CommandRun(setting, {
      argv: (command) => ['xargs', '-P', String(setting.slots), '-I', '{}', ...command],
      mayFail: setting.kind === 'traced',
    }),
};

export const parallel: System = {
  ...{ name: 'GNU parallel', language: 'shell', startsAnew: true, kinds: ['touch', 'traced'] },
  ...{ apt: ['parallel'], npm: [], remembers: true },
  missing: () => (isThere('parallel') ? null : 'GNU parallel'),
  start: async (_, setting) =>
    new CommandRun(setting, {
      argv: (command) => {
        const options = ['-j', String(setting.slots), '--joblog', 'joblog', '--resume'];
        return ['parallel', ...options, command.join(' ')];
      },
      mayFail: setting.kind === 'traced',
    }),
};

export const make: System = {
  ...{
    name: 'make -j',
    language: 'shell',
    startsAnew: true,
    kinds: ['touch', 'traced'],
    apt: ['make'],
    npm: [],
  },
  remembers: true,
  missing: () => (isThere('make') ? null : 'make'),
  start: async (_, setting) =>
    new CommandRun(setting, {
      argv: () => ['make', '-s', '-j', String(setting.slots)],
      prepare: (folder, command, lines) => {
        const targets = lines.map((line) => `${line}.out`).join(' ');
        const touched = setting.kind === 'traced' ? ' && touch $@' : '';
        const recipe = `${command.join(' ').replace('{}', '$*')}${touched}`;
        const text = `all: ${targets}\n%.out:\n\t@${recipe}\n`;
        writeFileSync(join(folder, 'Makefile'), text);
      },
      mayFail: setting.kind === 'traced',
    }),
};
