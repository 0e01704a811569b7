import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { VERBS } from '../../src/cli/verbs.ts';
import { runCaptured } from './captured-io.ts';

/** What bash offers for the last word of a command line. */
function offers(script: string, words: readonly string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ');
  const program = `${script}
COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _meshd; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync('bash', ['-c', program], { encoding: 'utf8' });
  return out.split('\n').filter((each) => each !== '');
}

describe('completion', () => {
  test('bash takes the script and completes verbs, options and words', async () => {
    const { stdout } = await runCaptured(['completion', 'bash']);
    execFileSync('bash', ['-n'], { input: stdout });
    expect(offers(stdout, ['meshd', 'pub'])).toEqual(['publish']);
    expect(offers(stdout, ['meshd', 'publish', 'x.js', '--acc'])).toEqual(['--accept']);
    expect(offers(stdout, ['meshd', '--home', '/tmp', 'verify', '--s'])).toEqual(['--sample']);
    expect(offers(stdout, ['meshd', 'completion', ''])).toEqual(['bash', 'zsh', 'fish']);
  });

  test.each(['bash', 'zsh', 'fish'])('the %s script knows every verb and option', async (shell) => {
    const { stdout, code } = await runCaptured(['completion', shell]);
    expect(code).toBe(0);
    for (const { name, flags } of VERBS) {
      expect(stdout).toContain(name);
      for (const { flags: text } of flags) {
        const long = /--([a-z-]+)/.exec(text)?.[1];
        // Some of GNU parallel's have a letter alone.
        const name = long === undefined ? text.slice(1, 2) : long;
        const dashes = long === undefined ? '-' : '--';
        const inFish = long === undefined ? `-s ${name} ` : `-l ${name} `;
        expect(stdout).toContain(shell === 'fish' ? inFish : `${dashes}${name}`);
      }
    }
  });
});
