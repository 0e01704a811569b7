import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { launchdAgent, systemdUnit, windowsTask } from '../../src/cli/service-files.ts';
import { managerOf } from '../../src/cli/service-manager.ts';
import { createMeshSecret } from '../../src/net/mesh-secret.ts';
import { type Ran, runCaptured, startCaptured } from './captured-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd service-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const AWKWARD = ['/opt/my node/node', 'a "b" \\c\\', '100%', '$HOME', "it's", '', 'é<&>'];
const word = fc.string({ unit: 'grapheme' }).filter((text) => !/\p{Cc}/u.test(text));
const spec = (command: readonly string[]) => ({ name: 'meshd', command, home: '/srv/my mesh' });

/** Takes an ExecStart line apart as systemd.syntax(7) says. */
function systemdWords(unit: string): string[] {
  const line = /^ExecStart=([^\n]*)/m.exec(unit)?.[1] ?? '';
  const words = line.matchAll(/"((?:[^"\\]|\\.)*)"/g);
  return [...words].map(([, text = '']) =>
    text.replace(/\\(.)/g, '$1').replace(/\$\$/g, '$').replace(/%%/g, '%'),
  );
}

/** Takes a command line apart as CommandLineToArgvW does. */
function windowsWords(line: string): string[] {
  return [...line.matchAll(/(?:[^\s"]|"(?:\\.|[^"\\])*")+/g)].map(([text]) =>
    text
      .replace(/^"|"$/g, '')
      .replace(/(\\+)("|$)/g, (_, slashes: string, quote: string) =>
        quote === '' && !text.startsWith('"') ? slashes : '\\'.repeat(slashes.length >> 1) + quote,
      ),
  );
}

function unescaped(xml: string): string {
  return xml.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
}

describe('the file of a service', () => {
  test('for systemd gives back every word of the command', () => {
    expect(systemdWords(systemdUnit(spec(AWKWARD)))).toEqual(AWKWARD);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (words) => {
        expect(systemdWords(systemdUnit(spec(words)))).toEqual(words);
      }),
    );
  });

  test('for systemd starts again after each failure: what is not there yet may come', () => {
    const unit = systemdUnit(spec(['x']));
    expect(unit).toMatch(/^Restart=on-failure$/m);
    expect(unit).toMatch(/^StartLimitIntervalSec=0$/m);
    expect(unit).not.toMatch(/^RestartPrevent/m);
  });

  test('for launchd does so too, and starts again after a failure alone', () => {
    const plist = launchdAgent(spec(AWKWARD));
    const array = /<array>([\s\S]*)<\/array>/.exec(plist)?.[1] ?? '';
    const words = [...array.matchAll(/<string>(.*)<\/string>/g)].map(([, text]) => text ?? '');
    expect(words.map(unescaped)).toEqual(AWKWARD);
    expect(plist).toMatch(/<key>SuccessfulExit<\/key>\s*<false\/>/);
    expect(plist).toContain('<string>/srv/my mesh/service.log</string>');
  });

  test('for Windows does so too, without a limit of time', () => {
    const words = ['C:\\Program Files\\node.exe', 'C:\\a b\\', 'x"y', '\\\\host\\a b', 'plain'];
    const task = windowsTask(spec(words));
    const line = unescaped(/<Arguments>(.*)<\/Arguments>/.exec(task)?.[1] ?? '');
    expect(unescaped(/<Command>(.*)<\/Command>/.exec(task)?.[1] ?? '')).toBe(words[0]);
    expect(line).toBe('"C:\\a b\\\\" "x\\"y" "\\\\host\\a b" plain');
    expect(windowsWords(line)).toEqual(words.slice(1));
    expect(task).toContain('<ExecutionTimeLimit>PT0S</ExecutionTimeLimit>');
  });

  test('lies where each system looks for it', () => {
    const at = (platform: NodeJS.Platform): string =>
      managerOf(platform, spec(['x']), { HOME: '/h' }).file.replaceAll('\\', '/');
    expect(at('linux')).toBe('/h/.config/systemd/user/meshd.service');
    expect(at('darwin')).toBe('/h/Library/LaunchAgents/meshd.plist');
    expect(at('win32')).toBe('/srv/my mesh/service.xml');
    const { content } = managerOf('win32', spec(['x']), {});
    expect([...content.slice(0, 2)]).toEqual([0xff, 0xfe]);
  });
});

/** A systemctl that notes what it is told; its session may be missing. */
function system(hasSession: boolean, lingers: boolean): void {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const [log, fails] = [join(folder, 'log'), hasSession ? 0 : 1];
  writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\necho "$*" >> "${log}"\nexit ${fails}\n`);
  writeFileSync(join(bin, 'loginctl'), `#!/bin/sh\necho ${lingers ? 'yes' : 'no'}\n`);
  for (const name of ['systemctl', 'loginctl']) chmodSync(join(bin, name), 0o755);
}

const home = join(folder, 'my home');
const env = { HOME: folder, PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}` };

function service(...argv: string[]): Promise<Ran> {
  return runCaptured(['service', ...argv, '--home', home], { env });
}

function told(): string[] {
  const log = join(folder, 'log');
  return existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [];
}

describe.runIf(process.platform === 'linux')('meshd service', () => {
  beforeEach(() => rmSync(join(folder, 'log'), { force: true }));

  test('is refused on a home that belongs to no mesh, and changes nothing', async () => {
    system(true, true);
    const { code, stderr } = await service('install');
    expect(code).toBe(3);
    expect(stderr).toMatch(/^meshd service: this home belongs to no mesh yet: .*\n$/);
    expect(told()).toEqual([]);
  });

  test('writes a unit with the options given and no secret, and starts it', async () => {
    system(true, false);
    mkdirSync(home, { recursive: true });
    const secret = Buffer.from(createMeshSecret()).toString('base64url');
    writeFileSync(join(home, 'mesh'), `${secret}\n`);
    const listen = ['--listen', '/ip4/127.0.0.1/tcp/0', '--listen', '/ip6/::1/tcp/0'];
    const { code, stdout } = await service(
      ...['install', '--slots', '2', '--relay-rate', '5MB', ...listen, '--name', 'a b'],
    );
    expect(code).toBe(0);
    const [, name = '', file = ''] = /^(meshd-\w{8}) is installed: (.*)$/m.exec(stdout) ?? [];
    expect(stdout).toMatch(/^next: .*loginctl enable-linger`$/m);
    const unit = readFileSync(file, 'utf8');
    expect(unit).not.toContain(secret);
    const [node, entry, ...words] = systemdWords(unit);
    expect(node).toBe(process.execPath);
    expect(entry).toMatch(/^\/.*\/cli\/meshd\.cjs$/);
    const kept = [...listen, '--slots', '2', '--relay-rate', '5000000', '--name', 'a b'];
    expect(words.slice(0, 3)).toEqual(['join', '--home', home]);
    expect([...words.slice(3)].sort()).toEqual(kept.sort());
    const own = `${name}.service`;
    const steps = ['show-environment', 'daemon-reload', `enable ${own}`, `restart ${own}`];
    expect(told()).toEqual(steps.map((step) => `--user ${step}`));
    expect(await service('status', '--json')).toMatchObject({ code: 0 });
    expect(await service('remove')).toMatchObject({ code: 0 });
    expect(existsSync(file)).toBe(false);
    expect(told()).toContain(`--user disable --now ${own}`);
    expect(await service('status')).toMatchObject({ code: 1 });
  });

  test('without a systemd session says in one line what to do, and leaves no file', async () => {
    system(false, true);
    const bare = { ...env, HOME: join(folder, 'bare') };
    const argv = ['service', 'install', '--home', home];
    const { code, stdout, stderr } = await runCaptured(argv, { env: bare });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^meshd service: no systemd session .*@reboot .* join --home '.*'\n$/);
    expect(existsSync(bare.HOME)).toBe(false);
  });

  test('leaves a peer alone that runs already, and says how to change over', async () => {
    system(true, true);
    const local = ['--listen', '/ip4/127.0.0.1/tcp/0', '--slots', '0', '--json'];
    const other = join(folder, 'running');
    const peer = startCaptured(['start', '--home', other, ...local]);
    await peer.prints('\n');
    const { code, stdout } = await runCaptured(['service', 'install', '--home', other], { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^next: .*meshd stop.*systemctl --user restart/m);
    expect(told().some((line) => line.includes('restart'))).toBe(false);
    peer.interrupt();
    await peer.done;
  });
});

test('the line for cron is one that sh takes apart into the same words', () => {
  const { instead } = managerOf('linux', spec(['/a b/node', "it's", '--x']), {});
  const line = (instead.split('@reboot ')[1] ?? '').replace(/\\%/g, '%');
  const out = execFileSync('sh', ['-c', `printf '%s\\n' ${line}`], { encoding: 'utf8' });
  expect(out.trimEnd().split('\n')).toEqual(['/a b/node', "it's", '--x']);
});
