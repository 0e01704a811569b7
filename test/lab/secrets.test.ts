import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { decodeInvite } from '../../src/node/admission/invite.ts';
import { childrenOf, jsonLines, Lab, type PeerProcess, type Published, poll } from '../e2e/lab.ts';
import { oracle } from '../oracle.ts';

const STEADY = 'test/e2e/functions/steady.js';

afterEach(() => void vi.unstubAllEnvs());

/** What `secret rotate` and `peers remove` tell. */
interface Told {
  readonly generation: number;
  readonly moved: readonly string[];
  readonly waiting: readonly string[];
}

/** Long enough to go on while something is done. */
const ACCEPT = 600;

const answer = oracle({ fn: STEADY, accept: ACCEPT });

async function expectOracle(published: Published): Promise<void> {
  const { stdout, summary } = await published.end();
  const truth = await answer;
  expect(stdout).toBe(truth.stdout);
  expect(summary.certificate).toBe(truth.certificate(summary.computation));
}

async function rotate(lab: Lab, home: string): Promise<Told> {
  return jsonLines(await lab.run(home, 'secret', 'rotate', '--json'))[0] as Told;
}

async function inviteOf(lab: Lab, home: string): Promise<string> {
  return (await lab.run(home, 'invite')).stdout.trim();
}

async function secretOf(lab: Lab, home: string): Promise<string> {
  return Buffer.from(decodeInvite(await inviteOf(lab, home)).secret).toString('hex');
}

async function notices(lab: Lab, home: string): Promise<string> {
  return (await lab.status(home)).notices.join('\n');
}

/** The events of a peer's log, which is JSON lines. */
function events(peer: PeerProcess, name: string): object[] {
  return peer.command.stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { event: string })
    .filter(({ event }) => event === name);
}

describe('a rotation of the secret', () => {
  test('in mid-run stops no job, cuts no connection and makes old invites void', async () => {
    await using lab = await Lab.open();
    const mesh = await lab.three();
    const [a] = mesh;
    const before = await secretOf(lab, 'a');
    const published = await lab.publish('b', STEADY, '--accept', `${ACCEPT}`);
    await published.firstLine();
    const { generation, moved, waiting } = await rotate(lab, 'c');
    expect({ generation, moved: moved.length, waiting }).toEqual({
      ...{ generation: 1, moved: 2, waiting: [] },
    });
    await expectOracle(published);
    const secrets = await Promise.all(['a', 'b', 'c'].map((home) => secretOf(lab, home)));
    expect(new Set(secrets).size).toBe(1);
    expect(secrets[0]).not.toBe(before);
    for (const peer of mesh) expect(events(peer, 'peer.dead')).toEqual([]);
    const old = (await a.ready).invite;
    const stranger = ['join', old, '--no-wait', '--listen', '/ip4/127.0.0.1/tcp/0'];
    const { code, stderr } = await lab.run('late', ...stranger);
    expect(code).toBe(3);
    expect(stderr).toContain('refused the mesh secret');
    await lab.joinWith('late', [await inviteOf(lab, 'a')]);
    await lab.sees('late', 4);
    expect((await lab.status('late')).mesh).toBe((await lab.status('a')).mesh);
  });

  test('on two peers at once ends in one secret', async () => {
    await using lab = await Lab.open();
    await lab.three();
    await Promise.all([rotate(lab, 'a'), rotate(lab, 'b')]);
    await poll('one secret', async () => {
      const secrets = await Promise.all(['a', 'b', 'c'].map((home) => secretOf(lab, home)));
      return new Set(secrets).size === 1;
    });
    await lab.joinWith('later', [await inviteOf(lab, 'c')]);
    await lab.sees('later', 4);
  });

  test('is told to a member that was killed before, when it comes back', async () => {
    await using lab = await Lab.open();
    const [, , c] = await lab.three();
    await c.kill();
    expect((await rotate(lab, 'a')).waiting).toEqual([(await c.ready).peer]);
    await lab.restart('c');
    await lab.sees('c', 3);
    expect(await secretOf(lab, 'c')).toBe(await secretOf(lab, 'a'));
  });

  test('leaves a machine behind that was off for long; a new invite brings its home back', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    const b = await lab.join('b', [a]);
    await lab.sees('a', 2);
    const { peer } = await b.ready;
    await lab.run('b', 'stop');
    await poll('a forgets b', async () => (await lab.peers('a')).length === 1);
    // Whom it met within a day it would still let in: here that day is over.
    await lab.run('a', 'stop');
    await rm(join(lab.home('a'), 'met'));
    await lab.restart('a');
    expect((await rotate(lab, 'a')).waiting).toEqual([]);
    await lab.restart('b');
    await poll('b is told', async () => (await notices(lab, 'b')).includes('secret'));
    expect(await notices(lab, 'b')).toContain('`meshd join` with a new invite');
    await lab.run('b', 'stop');
    const again = await lab.joinWith('b', [await inviteOf(lab, 'a')]);
    await lab.sees('b', 2);
    expect((await again.ready).peer).toBe(peer);
  });
});

describe('a removed machine', () => {
  test('is out in mid-run and after a restart, says so, and what it found counts', async () => {
    await using lab = await Lab.open();
    const [, , c] = await lab.three();
    const published = await lab.publish('a', STEADY, '--accept', `${ACCEPT}`);
    await published.firstLine();
    const removed = await lab.run('b', 'peers', 'remove', 'c', '--json');
    expect(jsonLines(removed)[0]).toMatchObject({ event: 'removed', name: 'c', generation: 1 });
    await poll('c says so', async () => (await notices(lab, 'c')).includes('was removed'));
    expect(events(c, 'self.removed')).toHaveLength(1);
    for (const home of ['a', 'b']) expect(await lab.peers(home)).toHaveLength(2);
    await expectOracle(published);
    await c.kill();
    const again = await lab.restart('c');
    await lab.run('a', 'publish', 'examples/pi.js', '--accept', '1000');
    for (const home of ['a', 'b']) expect(await lab.peers(home)).toHaveLength(2);
    expect(await notices(lab, 'c')).toContain('was removed');
    const { stderr } = await lab.run('c', 'publish', 'examples/pi.js', '--accept', '10');
    expect(stderr).toMatch(/warning: no other machine runs this job: .* was removed from the mesh/);
    await again.kill();
  });

  test('is not let in with the new secret either', async () => {
    await using lab = await Lab.open();
    const [, , c] = await lab.three();
    await lab.run('a', 'peers', 'remove', 'c');
    await c.kill();
    const args = ['--no-wait', '--listen', '/ip4/127.0.0.1/tcp/0'];
    const back = await lab.run('c', 'join', await inviteOf(lab, 'a'), ...args);
    expect(back.code).toBe(3);
    expect(back.stderr).toContain('removed this machine from the mesh');
    const secrets = await Promise.all(['a', 'b'].map((home) => secretOf(lab, home)));
    expect(new Set(secrets).size).toBe(1);
  });

  test('never has the secret, when two members remove one each at the same time', async () => {
    await using lab = await Lab.open();
    const [a] = await lab.three();
    await lab.join('d', [a]);
    for (const home of ['a', 'b', 'c', 'd']) await lab.sees(home, 4);
    await Promise.all([
      lab.run('a', 'peers', 'remove', 'c', '--force'),
      lab.run('b', 'peers', 'remove', 'd', '--force'),
    ]);
    for (const gone of ['c', 'd']) {
      await poll(`${gone} says so`, async () => (await notices(lab, gone)).includes('was removed'));
    }
    await poll('a and b have one secret, and nobody else has it', async () => {
      const homes = ['a', 'b', 'c', 'd'];
      const [one, two, ...gone] = await Promise.all(homes.map((home) => secretOf(lab, home)));
      return one === two && gone.every((secret) => secret !== one);
    });
    await lab.sees('a', 2);
  });

  test('is neither this one nor the only other one, unless --force is given', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    await lab.join('b', [a]);
    await lab.sees('a', 2);
    const self = await lab.run('a', 'peers', 'remove', 'a');
    expect(self).toMatchObject({ code: 2, stderr: expect.stringContaining('this machine') });
    const last = await lab.run('a', 'peers', 'remove', 'b');
    expect(last).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') });
    const nobody = await lab.run('a', 'peers', 'remove', 'z');
    expect(nobody).toMatchObject({ code: 2, stderr: expect.stringContaining('no peer "z"') });
    expect(await lab.peers('a')).toHaveLength(2);
    expect((await lab.run('a', 'peers', 'remove', 'b', '--force')).code).toBe(0);
    expect(await lab.peers('a')).toHaveLength(1);
  });
});

describe('a machine with a trust list', () => {
  test('runs no job of others, says why, and others run it', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    const { peer } = await a.ready;
    await lab.join('b', [a]);
    const c = await lab.join('c', [a], '--trust', peer);
    await lab.sees('b', 3);
    await lab.sees('c', 3);
    const published = await lab.publish('b', STEADY, '--accept', `${ACCEPT}`, '--name', 'foreign');
    await published.firstLine();
    const job = await published.job();
    await lab.shows('c', job, ({ evaluated }) => evaluated > 0);
    expect((await lab.show('c', job)).notHere).toContain('is not trusted on this machine');
    expect((await lab.run('c', 'jobs')).stdout).toMatch(/foreign .* does not run here: its publ/);
    await expectOracle(published);
    expect((await published.end()).summary.peers).toBe(2);
    expect(await childrenOf(c.pid)).toEqual([]);
    for (const verb of [
      ['rerun', '0'],
      ['verify', '--sample', '100%'],
    ]) {
      const [name = '', ...rest] = verb;
      const { code, stderr } = await lab.run('c', name, job, ...rest);
      expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('trust') });
    }
    const own = await lab.publish('a', STEADY, '--accept', '900', '--seed', '7');
    expect((await own.end()).summary.peers).toBe(3);
  });

  test('follows a change of the list at once, with and without a running peer', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    const b = await lab.join('b', [a]);
    const [one, two] = [(await a.ready).peer, (await b.ready).peer];
    const list = async (...args: string[]): Promise<unknown> =>
      jsonLines(await lab.run('b', 'trust', ...args, '--json'))[0];
    await lab.sees('b', 2);
    expect(await list('add', 'b')).toEqual({ trusted: [two] });
    const published = await lab.publish('a', STEADY, '--accept', '100000');
    await published.firstLine();
    const job = await published.job();
    await lab.shows('b', job, ({ notHere }) => notHere !== null);
    expect(await list('add', one)).toEqual({ trusted: [two, one] });
    await lab.shows('b', job, ({ leases }) => leases.some(({ peer }) => peer === two));
    expect(await list('remove', one)).toEqual({ trusted: [two] });
    await lab.shows('a', job, ({ leases }) => leases.every(({ peer }) => peer !== two));
    await lab.run('b', 'stop');
    expect(await list('remove', two)).toEqual({ trusted: [] });
    expect(await list('list')).toEqual({ trusted: [] });
    const wrong = await lab.run('b', 'trust', 'remove', one);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('not in the list') });
  });
});

test('the secret is in no log, no error and no command line', async () => {
  vi.stubEnv('MESHD_LOG', 'debug');
  await using lab = await Lab.open();
  const a = await lab.start('a');
  const invite = await inviteOf(lab, 'a');
  const file = join(lab.folder, 'invite.txt');
  await writeFile(file, invite);
  const b = await lab.joinWith('b', ['--invite-file', file]);
  await lab.sees('a', 2);
  const published = await lab.publish('a', STEADY, '--accept', `${ACCEPT}`);
  await published.firstLine();
  await rotate(lab, 'a');
  const processes = [a.pid, b.pid, ...(await childrenOf(a.pid)), ...(await childrenOf(b.pid))];
  expect(processes.length).toBeGreaterThan(3);
  const seen = await Promise.all(
    processes.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  // Mistyped, cut short, twice, of another mesh: what is wrong is told without what was given.
  await lab.start('other');
  await lab.run('other', 'stop');
  for (const wrong of [`${invite.slice(0, -2)}xx`, invite.slice(0, 90), invite + invite]) {
    const { code, stderr } = await lab.run('c', 'join', wrong, '--no-wait');
    expect(code).toBe(2);
    seen.push(stderr);
  }
  const { code, stderr } = await lab.run('other', 'join', invite, '--no-wait');
  expect(code).toBe(2);
  await published.end();
  seen.push(stderr, a.command.stderr, b.command.stderr, published.command.stderr);
  const text = seen.join('\n');
  expect(text).toContain('secret.rotated');
  expect(text).not.toContain(invite.slice(20, 60));
  for (const shown of [invite, await inviteOf(lab, 'a')]) {
    const secret = Buffer.from(decodeInvite(shown).secret);
    expect(text).not.toContain(secret.toString('hex'));
    expect(text).not.toContain(secret.toString('base64url').slice(0, 20));
    expect(text).not.toContain([...secret.subarray(0, 8)].join(','));
  }
});
