import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { decodeInvite, encodeInvite } from '../../src/node/admission/invite.ts';
import { type Running, runCaptured, startCaptured } from './captured-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-foreground-'));
const LOCAL = ['--listen', '/ip4/127.0.0.1/tcp/0', '--slots', '0'];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ready {
  readonly event: string;
  readonly peer: string;
  readonly addresses: string[];
  readonly invite: string;
}

/** Starts a peer in the foreground and waits until it is ready. */
async function peerOf(argv: readonly string[]): Promise<Running & { ready: Ready }> {
  const running = startCaptured([...argv, ...LOCAL, '--json']);
  return { ...running, ready: JSON.parse(await running.prints('\n')) };
}

describe('start and join', () => {
  test('two peers see each other; stop and an interrupt end them with exit code 0', async () => {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    const first = await peerOf(['start', '--home', a, '--name', 'first']);
    expect(first.ready).toMatchObject({ event: 'ready', peer: expect.stringMatching(/^12D3Koo/) });
    expect(decodeInvite(first.ready.invite).addresses).toEqual(first.ready.addresses);
    const again = await runCaptured(['start', '--home', a]);
    expect(again).toMatchObject({ code: 2, stdout: '' });
    expect(again.stderr).toMatch(/^meshd start: a peer already runs on .*meshd stop`\n$/);

    const second = await peerOf(['join', first.ready.invite, '--home', b, '--name', 'second']);
    const { stdout } = await runCaptured(['peers', '--home', b, '--json']);
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.map(({ name, self }) => [name, self]).sort()).toEqual([
      ['first', false],
      ['second', true],
    ]);
    expect(Object.keys(rows[0])).toEqual(
      expect.arrayContaining([
        ...['peer', 'state', 'via', 'relay', 'rttMs', 'slots', 'busy', 'idle', 'load', 'version'],
      ]),
    );
    const invite = await runCaptured(['invite', '--home', b]);
    expect(decodeInvite(invite.stdout).secret).toEqual(decodeInvite(first.ready.invite).secret);

    expect(await runCaptured(['stop', '--home', b])).toMatchObject({
      code: 0,
      stdout: 'stopped\n',
    });
    expect((await second.done).code).toBe(0);
    const rejoined = await peerOf(['join', '--home', b]);
    expect(rejoined.ready.peer).toBe(second.ready.peer);
    expect((await runCaptured(['leave', '--home', b])).code).toBe(0);
    expect((await rejoined.done).code).toBe(0);
    expect((await runCaptured(['join', '--home', b])).stderr).toMatch(/belongs to no mesh/);

    first.interrupt();
    const ended = await first.done;
    expect(ended.code).toBe(0);
    expect(ended.stdout.split('\n')).toHaveLength(2);
  });

  test('the invite of another mesh is refused on a home that has one', async () => {
    const home = join(folder, 'loyal');
    const peer = await peerOf(['start', '--home', home]);
    peer.interrupt();
    await peer.done;
    const other = encodeInvite({
      ...{ mesh: 'other', secret: new Uint8Array(32).fill(9) },
      addresses: ['/ip4/127.0.0.1/tcp/9'],
    });
    const ran = await runCaptured(['join', other, '--home', home, ...LOCAL]);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toMatch(/belongs to mesh .*meshd leave/);
  });

  test('--cache is what files of commands may take, also at the next start without it', async () => {
    const home = ['--home', join(folder, 'cache')];
    for (const argv of [['--cache', '3GiB'], []]) {
      const peer = await peerOf(['start', ...home, ...argv]);
      const { stdout } = await runCaptured(['status', ...home]);
      expect(stdout).toMatch(/^files +none is kept for commands; up to 3.0 GiB will be$/m);
      const { files } = JSON.parse((await runCaptured(['status', ...home, '--json'])).stdout);
      expect(files).toEqual({ bytes: 0, files: 0, quotaBytes: 3 * 2 ** 30 });
      peer.interrupt();
      await peer.done;
    }
    const refused = await runCaptured(['start', ...home, '--cache', '3']);
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toMatch(/--cache.*a size with its unit/);
  });

  test('a machine that cannot hold commands of others says so when it starts', async () => {
    const { PATH } = process.env;
    const started = async (name: string, ...argv: string[]): Promise<string> => {
      const home = ['--home', join(folder, name)];
      const running = startCaptured(['start', ...home, ...LOCAL.slice(0, 2), ...argv]);
      await running.prints('Ctrl-C');
      running.interrupt();
      return (await running.done).stderr;
    };
    const warning = /^warning: other people’s .*commands run here with all your rights, for bwrap/m;
    // There is no bwrap in it.
    process.env['PATH'] = folder;
    try {
      expect(await started('open', '--slots', '1')).toMatch(warning);
      expect(await started('chosen', '--slots', '1', '--sandbox', 'none')).not.toMatch(warning);
      expect(await started('idle', '--slots', '0')).not.toMatch(warning);
      // On a home of a mesh, so does a command that runs them for as long as it lasts.
      const ran = async (name: string, ...words: string[]): Promise<string> =>
        (await runCaptured([...words, '--home', join(folder, name)])).stderr;
      expect(await ran('open', 'jobs')).toBe('');
      const publish = ['publish', 'examples/pi.js', '--accept', '1'];
      expect(await ran('open', ...publish)).toMatch(warning);
      expect(await ran('alone', ...publish)).not.toMatch(warning);
    } finally {
      process.env['PATH'] = PATH;
    }
  });

  test('with --no-wait a bootstrap that does not answer is told with its address, exit code 3', async () => {
    const address = `/ip4/127.0.0.1/tcp/${await portOf(false)}`;
    const invite = encodeInvite({
      ...{ mesh: 'm', secret: new Uint8Array(32).fill(9) },
      addresses: [address],
    });
    const home = ['--home', join(folder, 'lonely')];
    const ran = await runCaptured(['join', invite, '--no-wait', ...home, ...LOCAL]);
    expect(ran).toMatchObject({ code: 3, stdout: '' });
    expect(ran.stderr).toContain(address);
    expect(ran.stderr).toMatch(/refused/);
  });

  test('a port in use is told with its number, exit code 2', async () => {
    const port = await portOf(true);
    const listen = ['--listen', `/ip4/127.0.0.1/tcp/${port}`];
    const ran = await runCaptured(['start', '--home', join(folder, 'port'), ...listen]);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toMatch(new RegExp(`^meshd start: .*${port}.*in use`));
  });

  test('a home that cannot be written is told with its path, exit code 2', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const ran = await runCaptured(['start', '--home', join(file, 'home'), ...LOCAL]);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toMatch(/^meshd start: .*file\/home.*\n$/);
  });
});

/** A port that somebody listens on until the tests end, or that nobody does. */
async function portOf(busy: boolean): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  if (busy) afterAll(() => void server.close());
  else server.close();
  return port;
}
