import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMeshSecret } from '../../src/net/mesh-secret.ts';
import { Libp2pPeers, portOf, soon, type TestPeer } from './libp2p-peers.ts';

let peers: Libp2pPeers;
beforeEach(() => {
  peers = new Libp2pPeers();
});
afterEach(async () => await peers.close());

async function startMany(count: number): Promise<TestPeer[]> {
  return await Promise.all(Array.from({ length: count }, () => peers.start()));
}

async function joinAll(first: TestPeer, others: readonly TestPeer[]): Promise<void> {
  await Promise.all(others.map(({ network }) => network.join(first.network.addresses(), soon())));
}

async function allConnected(mesh: readonly TestPeer[], limitMs = 20_000): Promise<void> {
  await Promise.all(
    mesh.map(({ told, network }) =>
      told.until(() => network.connections().length === mesh.length - 1, limitMs),
    ),
  );
}

async function allHear(from: TestPeer, mesh: readonly TestPeer[]): Promise<void> {
  const others = mesh.filter((peer) => peer !== from);
  const before = new Map(others.map((peer) => [peer, peer.told.messages.length]));
  from.network.broadcast({ kind: 'announce', groups: [] });
  await Promise.all(
    others.map((peer) =>
      peer.told.until(({ messages }) => messages.length > (before.get(peer) ?? 0)),
    ),
  );
}

describe('a mesh on one address', () => {
  test('takes twelve peers that join at once, and each hears a broadcast', async () => {
    const mesh = await startMany(12);
    const [first, ...others] = mesh as [TestPeer, ...TestPeer[]];
    await joinAll(first, others);
    await allConnected(mesh);
    for (const peer of mesh.slice(0, 3)) await allHear(peer, mesh);
  });

  test('carries broadcasts to twenty-five peers, also while they are still connecting', async () => {
    const mesh = await startMany(25);
    const [first, ...others] = mesh as [TestPeer, ...TestPeer[]];
    // Eight at a time: this process makes 300 connections, both ends of each.
    for (let k = 0; k < others.length; k += 8) await joinAll(first, others.slice(k, k + 8));
    // A hint may be lost, so it is told again, as heartbeats are.
    const again = setInterval(() => {
      first.network.broadcast({ kind: 'announce', groups: [] });
      others[23]?.network.broadcast({ kind: 'announce', groups: [] });
    }, 1000);
    try {
      const [one, last] = [first.network.self, others[23]?.network.self];
      await Promise.all(
        mesh.map(({ told, network }) =>
          told.until(
            ({ messages }) =>
              [one, last].every(
                (peer) => peer === network.self || messages.some(({ from }) => from === peer),
              ),
            40_000,
          ),
        ),
      );
    } finally {
      clearInterval(again);
    }
  });

  test('forms one mesh from two bootstraps given in any order', async () => {
    const [a, b, c, d] = (await startMany(4)) as [TestPeer, TestPeer, TestPeer, TestPeer];
    const [one, two] = [a.network.addresses(), b.network.addresses()];
    await c.network.join([...one, ...two], soon());
    await d.network.join([...two, ...one], soon());
    await allConnected([a, b, c, d]);
  });
});

describe('admission', () => {
  test('refuses a stranger with another secret and says so', async () => {
    const [member, stranger] = await Promise.all([
      peers.start(),
      peers.start({ secret: createMeshSecret() }),
    ]);
    const [address = ''] = member.network.addresses();
    await expect(stranger.network.join([address], soon())).rejects.toMatchObject({
      code: 'MESH_NO_BOOTSTRAP',
      message: expect.stringContaining(`${address} answered, but refused the mesh secret`),
    });
    expect(member.told.ups).toEqual([]);
  });

  test('says for each address what is wrong with it', async () => {
    const [a, b, gone] = await Promise.all([peers.start(), peers.start(), peers.start()]);
    const goneAt = portOf(gone);
    await gone.network.close();
    const misnamed = `${portOf(a)}/p2p/${gone.network.self}`;
    const own = b.network.addresses()[0] ?? '';
    await expect(b.network.join([goneAt, misnamed, own, 'nonsense'], soon())).rejects.toMatchObject(
      {
        message: expect.stringMatching(
          /(refused|closed) the connection.*; .*as another peer.*; .*is this peer itself; nonsense is no/,
        ),
      },
    );
  });

  test('says which address is in use', async () => {
    const a = await peers.start();
    await expect(peers.start({ listen: portOf(a) })).rejects.toMatchObject({
      code: 'MESH_PORT_IN_USE',
      message: expect.stringContaining(portOf(a)),
    });
  });
});

describe('a lost peer', () => {
  test('that returns with its key and port is found without anybody joining', async () => {
    const [a, b] = (await startMany(2)) as [TestPeer, TestPeer];
    await b.network.join(a.network.addresses(), soon());
    await allConnected([a, b]);
    const listen = portOf(b);
    await b.network.close();
    const again = await peers.start({ identity: b.identity, listen });
    await again.told.until(({ ups }) => ups.includes(a.network.self));
    await a.told.until(({ ups }) => ups.length === 2);
    await allHear(a, [a, again]);
  });

  test('is found by the others when the bootstrap is gone for good', async () => {
    const mesh = (await startMany(4)) as [TestPeer, TestPeer, TestPeer, TestPeer];
    const [bootstrap, b, c, d] = mesh;
    await joinAll(bootstrap, [b, c, d]);
    await allConnected(mesh);
    await bootstrap.network.close();
    await allHear(b, [b, c, d]);
    const listen = portOf(d);
    await d.network.close();
    const again = await peers.start({ identity: d.identity, listen });
    await allConnected([b, c, again]);
    await allHear(again, [b, c, again]);
  });

  test('finds the mesh itself from the members it knew', async () => {
    const mesh = (await startMany(3)) as [TestPeer, TestPeer, TestPeer];
    const [a, b, c] = mesh;
    await joinAll(a, [b, c]);
    await allConnected(mesh);
    const known = [{ peer: b.network.self, addresses: b.network.addresses() }];
    await Promise.all([a.network.close(), c.network.close()]);
    const again = await peers.start({ identity: c.identity, known });
    await allConnected([b, again]);
  });

  test('is told as refused at an address where it answered before', async () => {
    const [a, b] = (await startMany(2)) as [TestPeer, TestPeer];
    await a.network.join(b.network.addresses(), soon());
    await b.network.close();
    await a.told.until(({ refusals }) => refusals.includes(b.network.self));
  });

  test('is dialed no more once it is forgotten', async () => {
    const [a, b] = (await startMany(2)) as [TestPeer, TestPeer];
    await a.network.join(b.network.addresses(), soon());
    a.network.forget(b.network.self);
    const listen = portOf(b);
    await b.network.close();
    await a.told.until(({ downs }) => downs.length === 1);
    const again = await peers.start({ identity: b.identity, listen });
    await again.network.join(a.network.addresses(), soon());
    expect(a.told.refusals).toEqual([]);
    expect(a.told.logs.filter(({ event }) => event === 'dial.failed')).toEqual([]);
  });

  test('that was killed is told as reset within two seconds', async () => {
    const a = await peers.start();
    const folder = await mkdtemp(join(tmpdir(), 'meshd-net-'));
    const script = fileURLToPath(new URL('crashing-peer.ts', import.meta.url));
    const [address = ''] = a.network.addresses();
    const secret = Buffer.from(peers.secret).toString('hex');
    const child = spawn(process.execPath, [script, folder, secret, address], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      await a.told.until(({ messages }) => messages.length === 1);
      child.kill('SIGKILL');
      await a.told.until(({ downs }) => downs.length === 1, 2000);
      expect(a.told.downs).toEqual([{ peer: line.toString().trim(), reset: true }]);
      await a.told.until(({ refusals }) => refusals.length > 0, 2000);
    } finally {
      child.kill('SIGKILL');
      await rm(folder, { recursive: true });
    }
  });
});
