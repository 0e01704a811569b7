import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { executorsOf, Lab, type PeerProcess, poll, type Site } from '../e2e/lab.ts';
import { isAlive } from '../e2e/process-state.ts';
import { oracle } from '../oracle.ts';
import { hasBwrap } from '../why-no-bwrap.ts';

const FN = 'test/e2e/functions/reaches-out.js';
const LOOPBACK = '/ip4/127.0.0.1/tcp/0';

/** Peers of which each is of another user, as far as they can tell. */
class Users extends Lab {
  /** Homes whose working folder is a disk of 24 MB. */
  readonly small = new Set<string>();
  /** The folders that commands of homes run in. */
  readonly folders = new Map<string, string>();

  static override async open(): Promise<Users> {
    return new Users(await mkdtemp(join(tmpdir(), 'meshd-users-')));
  }

  override site(name: string): Site {
    const env = { XDG_STATE_HOME: join(this.folder, `state-${name}`) };
    const mount = `mount -t tmpfs -o size=24m tmpfs '${this.home(name)}/work' && exec "$@"`;
    const inside = this.folders.get(name);
    const prefix = [
      ...(this.small.has(name) ? ['unshare', '-m', '--', 'sh', '-c', mount, 'sh'] : []),
      ...(inside === undefined ? [] : ['sh', '-c', `cd '${inside}' && exec "$@"`, 'sh']),
    ];
    return { prefix, options: ['--listen', LOOPBACK], env };
  }

  /** A peer that publishes, and one of somebody else that works. */
  async publisherAndWorker(...args: string[]): Promise<[PeerProcess, PeerProcess]> {
    const a = await this.start('a', '--slots', '0');
    const b = await this.join('b', [a], ...args);
    await this.sees('a', 2);
    return [a, b];
  }
}

/** Descendants of a process, itself left out. */
function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  const found = new Set([pid]);
  for (const each of found) {
    for (const [child, parent] of parents) if (parent === each) found.add(child);
  }
  found.delete(pid);
  return [...found];
}

async function listening(onConnection: () => void): Promise<Server & AsyncDisposable> {
  const server = createServer((socket) => {
    onConnection();
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const bwrapTest = test.runIf(hasBwrap);

bwrapTest(
  'functions of others reach nothing, and the answer is the oracle’s without them',
  async () => {
    await using lab = await Users.open();
    let connections = 0;
    await using server = await listening(() => connections++);
    const { port } = server.address() as { port: number };
    await lab.publisherAndWorker();
    expect((await lab.status('b')).sandbox).toMatchObject({
      ...{ functions: 'permission', commands: 'none' },
      ...{ othersFunctions: 'bwrap', othersCommands: 'bwrap' },
    });
    const deeds = { 5: 'write', 11: 'read', 17: 'socket' };
    const params = { deeds, port, home: process.env['HOME'] ?? '/root' };
    const args = ['--accept', '30', '--params', JSON.stringify(params)];
    const { stdout, summary } = await (await lab.publish('a', FN, ...args)).end();
    const truth = await oracle({ fn: FN, accept: 30, params, skip: [5, 11, 17] });
    expect(summary.skipped).toEqual([5, 11, 17]);
    expect(summary.certificate).toBe(truth.certificate(summary.computation));
    expect(stdout).toBe(truth.stdout);
    const { attempts } = await lab.show('a', summary.job);
    expect(new Set(attempts.map(({ kind }) => kind))).toEqual(new Set(['system']));
    const why = attempts.map(({ detail }) => detail).join('\n');
    expect(why).toContain('the sandbox refuses FileSystemWrite of /meshd-reached-out');
    expect(why).toContain('the sandbox refuses FileSystemRead of ');
    expect(why).toContain(`connect ECONNREFUSED 127.0.0.1:${port}`);
    expect(connections).toBe(0);
    expect(existsSync('/meshd-reached-out')).toBe(false);
  },
);

bwrapTest(
  'functions of others that speak in their executor’s name cost their own candidates, no peer',
  async () => {
    await using lab = await Users.open();
    const [, b] = await lab.publisherAndWorker();
    const fn = 'test/e2e/functions/takes-over.js';
    const params = { deeds: { 3: 'none', 9: 'send', 14: 'bytes' } };
    const args = ['--accept', '30', '--params', JSON.stringify(params)];
    const { stdout, summary } = await (await lab.publish('a', fn, ...args)).end();
    // Where there is no `_send`, calling it is an error like any other.
    const truth = await oracle({ fn, accept: 30, params: { deeds: {} }, skip: [3, 9, 14] });
    expect(summary.skipped).toEqual([3, 14]);
    expect(stdout).toBe(truth.stdout);
    expect(isAlive(b.pid)).toBe(true);
    const { attempts } = await lab.show('a', summary.job);
    expect(new Set(attempts.map(({ kind }) => kind))).toEqual(new Set(['died']));
    const why = attempts.map(({ detail }) => detail).join('\n');
    expect(why).toContain('the program took its executor over: ');
  },
);

bwrapTest(
  'commands of others reach the granted folder alone; a fork bomb is one attempt',
  async () => {
    await using lab = await Users.open();
    const shared = join(lab.folder, 'shared');
    await mkdir(shared);
    const [, b] = await lab.publisherAndWorker('--grant-write', shared);
    const commands = [
      'touch made',
      'touch /meshd-reached-out',
      `ls ${process.env['HOME'] ?? '/root'}/.ssh`,
      'for k in $(seq 500); do sleep 9 & done; wait',
      'echo after',
    ];
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, descendantsOf(b.pid).length);
    }, 20);
    const list = join(lab.folder, 'commands');
    await writeFile(list, commands.join('\n'));
    lab.folders.set('a', shared);
    const { stdout, stderr } = await lab.run('a', 'run', '--json', '-a', list);
    clearInterval(watch);
    const lines = stdout.split('\n').filter((line) => line !== '');
    const exits = lines.map((line) => {
      const { index, value } = JSON.parse(line) as { index: number; value: { exit: number } };
      return [index, value.exit > 0 ? 'failed' : 'done'];
    });
    expect({ exits, stderr }).toMatchObject({
      exits: [
        [0, 'done'],
        [1, 'failed'],
        [2, 'failed'],
        [4, 'done'],
      ],
    });
    expect(most).toBeGreaterThan(256);
    expect(await readdir(shared)).toEqual(['made']);
    expect(existsSync('/meshd-reached-out')).toBe(false);
    await poll('nothing is left of the bomb', async () => descendantsOf(b.pid).length < 20, 5000);
  },
);

bwrapTest('a full scratch disk is an attempt, and the rest of the job goes on', async () => {
  await using lab = await Users.open();
  lab.small.add('b');
  await mkdir(join(lab.home('b'), 'work'), { recursive: true, mode: 0o700 });
  await lab.publisherAndWorker();
  const params = { deeds: { 7: 'fill' } };
  const args = ['--accept', '20', '--params', JSON.stringify(params)];
  const { summary } = await (await lab.publish('a', FN, ...args)).end();
  const truth = await oracle({ fn: FN, accept: 20, params, skip: [7] });
  expect(summary.skipped).toEqual([7]);
  expect(summary.certificate).toBe(truth.certificate(summary.computation));
  const { attempts } = await lab.show('a', summary.job);
  for (const { kind, detail } of attempts) {
    expect(kind).toBe('system');
    expect(detail).toMatch(/^ENOSPC: no space left on device/);
  }
});

bwrapTest(
  'a killed peer’s held executor is gone after a second, and its scratch folder',
  async () => {
    await using lab = await Users.open();
    const [, b] = await lab.publisherAndWorker();
    const params = JSON.stringify({ deeds: { 3: 'loop' } });
    await lab.run('a', 'publish', FN, '--accept', '9', '--detach', '--params', params);
    const work = join(lab.home('b'), 'work');
    const left = (): string[] => {
      try {
        const all = readdirSync(work, { recursive: true, encoding: 'utf8' });
        return all.filter((name) => name.endsWith('scratch/left'));
      } catch (error) {
        // Somebody removes folders meanwhile: what is left will be seen at the next look.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        return ['unknown'];
      }
    };
    await poll('the executor loops', async () => left().some((name) => name !== 'unknown'));
    const processes = descendantsOf(b.pid);
    expect((await executorsOf(b.pid)).length).toBeGreaterThan(0);
    // The guardian ends last, when it has removed what is left.
    const executors = processes.filter((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('executor-child'),
    );
    expect(executors.length).toBeGreaterThan(1);
    await b.kill();
    await poll('all have ended', async () => !executors.some(isAlive), 1000);
    await poll('the scratch folder is removed', async () => left().length === 0, 1000);
  },
);
