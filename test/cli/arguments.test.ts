import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { encodeInvite } from '../../src/node/admission/invite.ts';
import { runCaptured } from './captured-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-arguments-'));
const home = join(folder, 'home');
const good = join(folder, 'good.js');
writeFileSync(good, 'export default ({ rng }) => rng.uniform();');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const inviteA = encodeInvite({
  ...{ mesh: 'a', secret: new Uint8Array(32).fill(1) },
  addresses: ['/ip4/127.0.0.1/tcp/9'],
});
const inviteB = encodeInvite({ mesh: 'b', secret: new Uint8Array(32).fill(2), addresses: [] });

const latin = join(folder, 'latin');
writeFileSync(latin, Buffer.from([0x4d, 0xfc, 0x0a]));

/** Command line, exit code, and what the one line on stderr must say. */
const TABLE: readonly (readonly [argv: string[], code: number, says: RegExp])[] = [
  [['publish', good, '--accept', '0'], 2, /--accept.*'0'.*whole number from 1 to/],
  [['publish', good, '--accept', '-5'], 2, /--accept.*'-5'.*whole number from 1 to/],
  [['publish', good, '--accept', 'abc'], 2, /--accept.*'abc'.*whole number from 1 to/],
  [['publish', good, '--accept', '1.5'], 2, /whole number/],
  [['publish', good], 2, /needs --accept/],
  [['publish', good, '--acept', '5'], 2, /unknown option '--acept'.*Did you mean --accept/],
  [['publish', '--accept', '5'], 2, /needs a function file or --exec COMMAND/],
  [['publish', good, '--accept', '5', '--params', '{a'], 2, /--params \{a: not JSON.*@FILE/],
  [
    ['publish', good, '--accept', '5', '--params', '@/no/such'],
    2,
    /--params @\/no\/such: it cannot be read \(ENOENT/,
  ],
  [['publish', good, '--accept', '5', '--seed', '-1'], 2, /--seed.*0 to 9007199254740991/],
  [['publish', good, '--accept', '5', '--timeout', '30'], 2, /--timeout.*unit.*30s/],
  [['publish', good, '--accept', '5', '--memory', '512'], 2, /--memory.*unit.*512MB/],
  [['map', good, '--items', 'none', '--memory', '1MB'], 2, /--memory.*from 128MB/],
  [['publish', good, '--accept', '5', '--max-errors', '-1'], 2, /--max-errors.*from 0/],
  [['publish', good, '--accept', '5', '--deadline', '90'], 2, /--deadline.*unit.*30s/],
  [['publish', good, '--accept', '5', '--priority', '11'], 2, /--priority.*-10 to 10/],
  [['publish', good, '--accept', '5', '--name', ''], 2, /--name.*1 to 64/],
  [['publish', good, '--accept', '5', '--out', '/no/such/x'], 2, /--out.*no folder \/no\/such/],
  [['publish', good, '--accept', '5', '--summary', folder], 2, /--summary.*a folder/],
  [
    ['publish', good, '--accept', '5', '--out', 'x', '--summary', './x'],
    2,
    /one file, x; give two/,
  ],
  [['publish', good, '--accept', '5', '--detach', '--out', 'x'], 2, /--detach.*x would stay empty/],
  [['publish', '/', '--accept', '5'], 2, /\/ is no file/],
  [['publish', good, '--accept', '5', '--detach'], 3, /no peer runs on .*meshd start/],
  [['publish', join(folder, 'none.js'), '--accept', '5'], 2, /none\.js/],
  [['publish', file('syntax.js', 'export default (\n'), '--accept', '5'], 2, /syntax\.js:/],
  [['publish', file('bare.js', 'export const a = 1;'), '--accept', '5'], 2, /default export/],
  [['map', good, '--items', '/no/such'], 2, /--items \/no\/such: .*cannot be read/],
  [['map', good, '--items', file('empty', '\n\n')], 2, /no lines/],
  [['map', good, '--items', '-'], 2, /stdin has no lines/],
  [['map', good, '--items', latin], 2, /latin.*not UTF-8.*iconv/],
  [['join', inviteA.slice(0, -3)], 2, /cut short/],
  [['join', `${inviteA.slice(0, -1)}#`], 2, /mistyped/],
  [['join', inviteA, inviteB], 2, /different meshes/],
  [['join', '/ip4/127.0.0.1/tcp/4'], 2, /multiaddr needs the mesh secret.*--secret-file/],
  [['join'], 2, /belongs to no mesh yet.*meshd start/],
  [['join', 'host:4001'], 2, /neither an invite .* nor a multiaddr/],
  [['join', '/ip4/127.0.0.1/udp/4/quic-v1'], 2, /no TCP multiaddr/],
  [['join', '/ip4/127.0.0.1/tcp/4', '--secret-file', '/no/such'], 2, /--secret-file.*ENOENT/],
  [['join', '/ip4/127.0.0.1/tcp/4', '--secret-file', good], 2, /no secret there/],
  [['start', '--listen', '127.0.0.1:0'], 2, /--listen.*multiaddr such as/],
  [['join', '--invite-file', '/no/such'], 2, /--invite-file \/no\/such: .*ENOENT/],
  [['join', '--invite-file', good], 2, /no invite there.*meshd invite/],
  [['join', '-'], 2, /stdin: no invite there/],
  [['join', inviteA.slice(1)], 2, /an argument is neither an invite .* nor a multiaddr/],
  [['join', '--for', '4'], 2, /--for.*unit.*30s/],
  [['start', '--idle-exit', 'soon'], 2, /--idle-exit.*unit/],
  [['start', '--grace', '-1s'], 2, /--grace.*unit/],
  [['start', '--job', ''], 2, /--job.*empty.*beginning of its id/],
  [['service'], 2, /missing required argument 'action'/],
  [['service', 'start'], 2, /'start'.*install, remove, status/],
  [['service', 'install'], 3, /belongs to no mesh yet.*meshd join INVITE/],
  [['stop', '--mesh'], 3, /no peer runs on/],
  [['start', '--slots', '-1'], 2, /--slots.*0 to 1024/],
  [['start', '--relay-rate', '5 apples'], 2, /--relay-rate.*500kB or 5MB/],
  [['join', '--relay-rate', '-1MB'], 2, /--relay-rate.*or 0/],
  [['service', 'install', '--relay-rate', '100B'], 2, /--relay-rate.*16kB or more/],
  [['status'], 3, /no peer runs on/],
  [['peers'], 3, /no peer runs on/],
  [['stop'], 3, /no peer runs on/],
  [['invite'], 3, /no peer runs on/],
  [['jobs'], 3, /no peer runs on/],
  [['show', 'pi'], 3, /no peer runs on/],
  [['cancel', 'pi'], 3, /no peer runs on/],
  [['priority', 'pi', '-11'], 2, /'-11'.*-10 to 10/],
  [['skip', 'pi', 'x'], 2, /'x'.*whole number/],
  [['rerun', 'pi'], 2, /missing required argument 'index'/],
  [['verify', 'pi', '--sample', '0%'], 2, /--sample.*1% or 0\.01/],
  [['stop', 'now'], 2, /too many arguments/],
  [['completion', 'tcsh'], 2, /bash, zsh, fish/],
  [['publis'], 2, /unknown command 'publis'.*Did you mean publish/],
];

describe('a wrong argument gets one line and changes nothing', () => {
  test.each(TABLE)('meshd %j', async (argv, code, says) => {
    const ran = await runCaptured([...argv, '--home', home]);
    expect(ran.stderr).toMatch(says);
    expect(ran.stderr).toMatch(/^meshd( [a-z]+)?: /);
    if (!ran.stderr.includes('syntax.js')) expect(ran.stderr.trim().split('\n')).toHaveLength(1);
    expect(ran).toMatchObject({ code, stdout: '' });
    expect(existsSync(home)).toBe(false);
  });

  test('no refusal repeats what could be a secret', async () => {
    const secret = Buffer.from(new Uint8Array(32).fill(1)).toString('base64url');
    for (const text of [secret, inviteA.slice(1), inviteA.slice(0, -3), `x${inviteA}`]) {
      const { stderr } = await runCaptured(['join', text, '--home', home]);
      expect(stderr).toMatch(/^meshd join: /);
      expect(stderr).not.toContain(text.slice(8, 24));
    }
  });

  test('with --json the line is an object with the code of the error', async () => {
    const { code, stderr } = await runCaptured(['join', 'meshd1', '--home', home, '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({ event: 'failed', code: 'MESH_BAD_INVITE' });
  });
});
