import { InvalidArgumentError } from 'commander';
import { EXIT } from './exit-code.ts';
import type { Verb } from './verb.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export const completion: Verb<readonly [Shell]> = {
  name: 'completion',
  group: 'Shell',
  summary: 'print a script that completes this command line',
  examples: [
    'source <(meshd completion bash)',
    'meshd completion zsh > ~/.zfunc/_meshd',
    'meshd completion fish > ~/.config/fish/completions/meshd.fish',
  ],
  positionals: [{ name: '<shell>', help: SHELLS.join(', '), parse: shell, complete: SHELLS }],
  flags: [],
  async run({ io }, [which]) {
    const { completionScript } = await import('./completion-script.ts');
    const { VERBS } = await import('./verbs.ts');
    io.stdout.write(completionScript(which, VERBS));
    return EXIT.done;
  },
};

function shell(text: string): Shell {
  const found = SHELLS.find((each) => each === text);
  if (found === undefined) throw new InvalidArgumentError(`It must be ${SHELLS.join(', ')}.`);
  return found;
}
