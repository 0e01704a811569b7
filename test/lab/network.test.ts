import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { delayOn } from '../../scripts/netlab/delay.ts';
import type { Host } from '../../scripts/netlab/host.ts';
import { Lab, listLabs, sweep } from '../../scripts/netlab/lab.ts';
import { pictureOf } from '../../scripts/netlab/picture.ts';
import { afterMs } from '../e2e/inside-mesh.ts';
import { labTest } from './lab-test.ts';

const PORT = 443;

/** Answers each connection with what it is sent. */
const ECHO = `require('node:net').createServer((s) => s.pipe(s)).listen(Number(process.argv[1]),
  () => console.log('ready'))`;

/** Sends so many bytes, and prints how many ms passed until all of them were back. */
const ASK = `
const [host, port, bytes] = process.argv.slice(1);
const socket = require('node:net').connect({ host, port: Number(port), timeout: 3000 });
let [since, left] = [0, Number(bytes)];
socket.on('connect', () => { since = performance.now(); socket.write(Buffer.alloc(left)); });
socket.on('data', (data) => {
  left -= data.length;
  if (left === 0) { console.log(performance.now() - since); process.exit(0); }
});
socket.on('timeout', () => process.exit(3));
socket.on('error', () => process.exit(4));`;

async function echoOn(host: Host, port: number = PORT): Promise<void> {
  const line = [...host.prefix, process.execPath, '-e', ECHO, `${port}`];
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const child = spawn(line[0] ?? '', line.slice(1), { stdio: [...stdio] });
  await once(child.stdout ?? child, 'data');
}

/** Ms until so many bytes came back; null when there was no answer. */
async function echoMs(from: Host, to: string, port = PORT, bytes = 1): Promise<number | null> {
  try {
    const rest = [to, `${port}`, `${bytes}`];
    return Number(await from.namespace.run(process.execPath, '-e', ASK, ...rest));
  } catch {
    return null;
  }
}

describe('a lab', () => {
  labTest('lets out of a NAT and nothing in, but at a forwarded port', async () => {
    await using lab = await Lab.open();
    const office = await lab.nat('office');
    const [alice, desk] = [await lab.host('alice'), await lab.host('desk', office.inside)];
    await Promise.all([echoOn(alice), echoOn(desk)]);
    expect(await echoMs(desk, alice.address)).not.toBeNull();
    expect(await echoMs(alice, desk.address)).toBeNull();
    expect(await echoMs(alice, office.address)).toBeNull();
    await office.forward(PORT, desk);
    expect(await echoMs(alice, office.address)).not.toBeNull();
    expect(pictureOf(lab)).toMatch(/├─ office .*\n│ {2}├─ desk +192\.168\.1\.10/);
  });

  labTest(
    'lets machines behind one NAT talk to one another, and not to other networks',
    async () => {
      await using lab = await Lab.open();
      const [office, home] = [await lab.nat('office'), await lab.nat('home')];
      const desk1 = await lab.host('desk1', office.inside);
      const desk2 = await lab.host('desk2', office.inside);
      const laptop = await lab.host('laptop', home.inside);
      await Promise.all([echoOn(desk2), echoOn(laptop, PORT + 1)]);
      expect(await echoMs(desk1, desk2.address)).not.toBeNull();
      // The same address is another machine here.
      expect(laptop.address).toBe(desk1.address);
      expect(await echoMs(desk2, laptop.address, PORT + 1)).toBeNull();
    },
  );

  labTest('has a router that lets out to port 443 alone', async () => {
    await using lab = await Lab.open();
    const strict = await lab.nat('strict', { onlyPorts: [PORT] });
    const [alice, node] = [await lab.host('alice'), await lab.host('node', strict.inside)];
    await Promise.all([echoOn(alice), echoOn(alice, PORT + 1)]);
    expect(await echoMs(node, alice.address)).not.toBeNull();
    expect(await echoMs(node, alice.address, PORT + 1)).toBeNull();
  });

  labTest('has cables that are pulled and plugged, between switches too', async () => {
    await using lab = await Lab.open();
    const { switch: far, trunk } = await lab.extend();
    const [alice, bob] = [await lab.host('alice'), await lab.host('bob', far)];
    await echoOn(alice);
    for (const cable of [trunk, bob.link, alice.link]) {
      expect(await echoMs(bob, alice.address)).not.toBeNull();
      await cable.pull();
      expect(await echoMs(bob, alice.address)).toBeNull();
      await cable.plug();
    }
    expect(await echoMs(bob, alice.address)).not.toBeNull();
  });

  labTest('has machines that change their address, and that are carried elsewhere', async () => {
    await using lab = await Lab.open();
    const home = await lab.nat('home');
    const [alice, laptop] = [await lab.host('alice'), await lab.host('laptop')];
    await Promise.all([echoOn(alice), echoOn(laptop)]);
    const before = laptop.address;
    await laptop.readdress();
    expect(await echoMs(alice, before)).toBeNull();
    expect(await echoMs(alice, laptop.address)).not.toBeNull();
    await laptop.carry(home.inside);
    expect(await echoMs(alice, laptop.address)).toBeNull();
    expect(await echoMs(laptop, alice.address)).not.toBeNull();
  });

  labTest('has links with loss and with a limited rate, and ways with a delay', async () => {
    await using lab = await Lab.open();
    const hosts = ['alice', 'bob', 'proxy'].map((name) => lab.host(name));
    const [alice, bob, proxy] = (await Promise.all(hosts)) as [Host, Host, Host];
    await echoOn(alice);
    await using _delay = await delayOn(proxy, { port: PORT, to: alice, delayMs: 100 });
    expect(await echoMs(bob, proxy.address)).toBeGreaterThanOrEqual(200);
    // What a bucket of 64 KiB does not hold goes at the rate: 192 KiB at least.
    await bob.link.limit(256 * 1024);
    expect(await echoMs(bob, alice.address, PORT, 256 * 1024)).toBeGreaterThan(700);
    await bob.link.limit(null);
    await bob.link.lose(1);
    expect(await echoMs(bob, alice.address)).toBeNull();
    await bob.link.lose(0);
    expect(await echoMs(bob, alice.address)).not.toBeNull();
    await bob.link.lose(0.5);
    const pings = await bob.namespace.run('ping', '-c', '40', '-i', '0.02', alice.address);
    expect(Number(/(\d+) received/.exec(pings)?.[1])).toBeLessThan(40);
  });

  labTest('and another one at the same time do not clash, and leave nothing behind', async () => {
    const names: string[] = [];
    const build = async (): Promise<void> => {
      await using lab = await Lab.open();
      names.push(lab.name);
      const office = await lab.nat('office');
      const [alice, desk] = [await lab.host('alice'), await lab.host('desk', office.inside)];
      await echoOn(alice);
      expect(await echoMs(desk, alice.address)).not.toBeNull();
    };
    await Promise.all([build(), build(), build()]);
    expect(new Set(names).size).toBe(3);
    const left = (await listLabs()).map(({ name }) => name);
    expect(left.filter((name) => names.includes(name))).toEqual([]);
  });

  labTest('whose process was killed is taken down with all that runs in it', async () => {
    const make = `
      import { spawn } from 'node:child_process';
      import { Lab } from './scripts/netlab/lab.ts';
      const lab = await Lab.open();
      const { prefix } = await lab.host('alice');
      const sleeper = spawn(prefix[0], [...prefix.slice(1), 'sleep', '1000'], { detached: true });
      console.log(JSON.stringify([lab.name, sleeper.pid]));
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', make], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const [name, sleeper] = JSON.parse(line.toString()) as [string, number];
    const isThere = async (): Promise<boolean> => (await listLabs()).some((l) => l.name === name);
    await sweep();
    expect(await isThere()).toBe(true);
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
    await sweep();
    expect(await isThere()).toBe(false);
    while (isAlive(sleeper)) await afterMs(20);
  });

  labTest('tells which command failed, and why', async () => {
    await using lab = await Lab.open();
    const alice = await lab.host('alice');
    await expect(alice.namespace.ip('link', 'set', 'eth7', 'up')).rejects.toThrow(
      /^`ip -n netlab-\S+\.alice link set eth7 up` failed: .*eth7/,
    );
    await expect(alice.namespace.rules('nonsense')).rejects.toThrow(/was given:\nnonsense/);
  });
});

/** Says whether a process still runs; one that ended and is not yet buried has no command line. */
function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}
