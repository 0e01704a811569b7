import { describe, expect, test } from 'vitest';
import { commandEnvironment } from '../../../src/work/command/command-spec.ts';
import { shellLine } from '../../../src/work/command/shell-line.ts';
import { pathForShell, systemShell } from '../../../src/work/command/system-shell.ts';

const GIT = 'C:\\Program Files\\Git\\usr\\bin\\sh.exe';
const PATH = 'C:\\Windows\\system32;bin;C:\\Program Files\\Git\\usr\\bin;D:\\other';

// Nothing here ran on Windows or macOS: what these systems would be told is held against what their
// shells are documented to take.
describe('the shell of commands', () => {
  test.each(['linux', 'darwin', 'freebsd'] as const)('is /bin/sh on %s', (platform) => {
    expect(systemShell({ platform, environment: {}, exists: () => false })).toBe('/bin/sh');
    expect(pathForShell('/tmp/a\\b', platform)).toBe('/tmp/a\\b');
  });

  test('is the first sh.exe of an absolute folder of the PATH on Windows, however it is written', () => {
    const exists = (path: string): boolean => path === GIT || path === 'bin\\sh.exe';
    for (const name of ['Path', 'PATH']) {
      const place = { platform: 'win32' as const, environment: { [name]: PATH }, exists };
      expect(systemShell(place)).toBe(GIT);
    }
    const environment = { Path: 'C:\\Windows\\system32' };
    expect(systemShell({ platform: 'win32', environment, exists })).toBeNull();
    expect(systemShell({ platform: 'win32', environment: {}, exists })).toBeNull();
  });

  test('has its outputs’ paths with slashes on Windows, quoted for sh as everywhere', () => {
    const path = (name: string): string =>
      pathForShell(`C:\\Users\\it's me\\.meshd\\${name}`, 'win32');
    const line = shellLine('echo a', {
      shell: 'sh',
      variables: {},
      stdout: path('out'),
      stderr: path('err'),
    });
    expect(line).toBe(
      `(echo a)</dev/null >>'C:/Users/it'\\''s me/.meshd/out' ` +
        `2>>'C:/Users/it'\\''s me/.meshd/err';echo $?\n`,
    );
  });
});

test('on Windows commands see the machine’s variables whatever case their names have', () => {
  const own = { Path: 'C:\\a', SystemRoot: 'C:\\Windows', Secret: 'x', PATHEXT: '.EXE' };
  expect(commandEnvironment(own, { A: 'b' }, 'win32')).toEqual({
    ...{ PATH: 'C:\\a', SYSTEMROOT: 'C:\\Windows', PATHEXT: '.EXE', A: 'b' },
  });
  expect(commandEnvironment(own, {}, 'linux')).toEqual({});
});
