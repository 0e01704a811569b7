import { describe, expect, test } from 'vitest';
import { EXIT_HELP } from '../../src/cli/exit-code.ts';
import { GROUPS } from '../../src/cli/verb.ts';
import { VERBS } from '../../src/cli/verbs.ts';
import { VERSION } from '../../src/node/version.ts';
import { runCaptured } from './captured-io.ts';

describe('help', () => {
  test('the main page has every verb under its group, and the exit codes', async () => {
    const { code, stdout, stderr } = await runCaptured(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const group of GROUPS) expect(stdout).toContain(`\n${group}:\n`);
    for (const { name } of VERBS) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    for (const [exit, meaning] of EXIT_HELP) {
      expect(stdout).toMatch(new RegExp(`^  ${exit} +${meaning.slice(0, 12)}`, 'm'));
    }
  });

  test.each(VERBS.map(({ name }) => name))('%s has a page with an example', async (name) => {
    const { code, stdout } = await runCaptured([name, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: meshd ${name}`);
    expect(stdout).toMatch(/Examples:\n {2}\S/);
  });

  test('no command is a wrong argument, and shows the page on stderr', async () => {
    const { code, stdout, stderr } = await runCaptured([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: meshd');
  });

  test('--version prints the version of the package', async () => {
    expect((await runCaptured(['--version'])).stdout).toBe(`${VERSION}\n`);
    expect(VERSION).toMatch(/^\d+\.\d+\.\d+/);
  });
});
