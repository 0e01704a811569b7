import { expect } from 'vitest';
import { labTest } from './lab-test.ts';
import { MeshLab } from './mesh-lab.ts';

labTest('two public hosts and one behind a NAT that only dials out work together', async () => {
  await using lab = await MeshLab.open();
  const office = await lab.net.nat('office');
  await lab.machines(['alice', 'bob']);
  await lab.machines(['desk'], office.inside);
  await lab.mesh('alice', 'bob', 'desk');
  const job = await lab.publishMarked('desk', { accept: 60, ms: 10 });
  expect((await job.expectOracle('alice')).peers).toBe(3);
  for (const name of ['alice', 'bob', 'desk']) expect(job.evaluationsOn(name)).toBeGreaterThan(0);
});

labTest('a peer behind a NAT is dialed at the port that its router forwards to it', async () => {
  await using lab = await MeshLab.open();
  const office = await lab.net.nat('office');
  const port = 4001;
  const desk = await lab.net.host('desk', office.inside);
  await office.forward(port, desk);
  await lab.machines(['alice']);
  const listen = ['--listen', `/ip4/0.0.0.0/tcp/${port}`];
  const announce = ['--announce', `/ip4/${office.address}/tcp/${port}`];
  const founder = await lab.start('desk', ...listen, ...announce);
  await lab.join('alice', [founder]);
  const job = await lab.publishMarked('alice', { accept: 60, ms: 10 });
  expect((await job.expectOracle('alice')).peers).toBe(2);
  expect(job.evaluationsOn('desk')).toBeGreaterThan(0);
});

labTest('a host that may only dial out to port 443 works with all, over WebSockets', async () => {
  await using lab = await MeshLab.open();
  const cluster = await lab.net.nat('cluster', { onlyPorts: [443] });
  await lab.machines(['alice', 'bob']);
  await lab.machines(['node1'], cluster.inside);
  const alice = await lab.start('alice', '--listen', '/ip4/0.0.0.0/tcp/443/ws');
  await lab.join('bob', [alice]);
  await lab.join('node1', [alice]);
  for (const name of ['alice', 'bob', 'node1']) await lab.sees(name, 3);
  const job = await lab.publishMarked('bob', { accept: 100, ms: 10 });
  expect((await job.expectOracle('node1')).peers).toBe(3);
  for (const name of ['alice', 'bob', 'node1']) expect(job.evaluationsOn(name)).toBeGreaterThan(0);
  const ways = (await lab.peers('node1')).map(({ name, via }) => [name, via]);
  expect(Object.fromEntries(ways)).toEqual({ node1: 'self', alice: 'direct', bob: 'relay' });
});
