import { rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { type OracleAnswer, oracle } from '../oracle.ts';
import { childrenOf, Lab, type Printed, type Published, poll } from './lab.ts';

const STEADY = 'test/e2e/functions/steady.js';
const ACCEPT = 300;

const answer = oracle({ fn: STEADY, accept: ACCEPT });

async function expectOracle(published: Published, expected: Promise<OracleAnswer>): Promise<void> {
  const { stdout, summary } = await published.end();
  const truth = await expected;
  expect(stdout).toBe(truth.stdout);
  expect(summary.certificate).toBe(truth.certificate(summary.computation));
  expect(summary.evaluated).toBe(truth.evaluated);
  expect(summary.status).toBe('done');
}

async function expectLines(printed: Promise<Printed>): Promise<void> {
  const { stdout, code } = await printed;
  expect(code).toBe(0);
  expect(stdout).toBe((await answer).stdout);
}

test('one peer gives the oracle’s answer', async () => {
  await using lab = await Lab.open();
  await expectOracle(await lab.publish('solo', STEADY, '--accept', `${ACCEPT}`), answer);
});

test('three peers give the oracle’s answer, and each took part', async () => {
  await using lab = await Lab.open();
  await lab.three();
  const published = await lab.publish('b', STEADY, '--accept', '900');
  await expectOracle(published, oracle({ fn: STEADY, accept: 900 }));
  const { summary } = await published.end();
  expect(summary.peers).toBe(3);
  expect(summary.copies).toBe(3);
});

test('SIGKILL of one of three peers mid-run changes nothing, and its executors end', async () => {
  await using lab = await Lab.open();
  const [, , c] = await lab.three();
  const published = await lab.publish('a', STEADY, '--accept', `${ACCEPT}`);
  await published.firstLine();
  let executors: number[] = [];
  await poll('c has an executor', async () => {
    executors = await childrenOf(c.pid);
    return executors.length > 0;
  });
  await c.kill();
  await expectOracle(published, answer);
  await poll('the executors are gone', async () => {
    const alive = executors.filter((pid) => isAlive(pid));
    return alive.length === 0;
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('a peer added mid-run takes part', async () => {
  await using lab = await Lab.open();
  const a = await lab.start('a');
  // Long enough that it still goes on when the second peer has started, also on a busy machine.
  const long = 2000;
  const published = await lab.publish('a', STEADY, '--accept', `${long}`);
  await published.firstLine();
  await lab.join('late', [a]);
  // The oracle keeps this process busy, so it comes after what must be seen in time.
  await expectOracle(published, oracle({ fn: STEADY, accept: long }));
  expect((await published.end()).summary.peers).toBe(2);
});

test('SIGKILL of the publisher’s peer, its restart, and attach give the whole answer', async () => {
  await using lab = await Lab.open();
  const [a] = await lab.three();
  const published = await lab.publish('a', STEADY, '--accept', `${ACCEPT}`);
  const job = await published.job();
  await published.firstLine();
  await a.kill();
  await published.command.done;
  await lab.restart('a');
  await expectLines(lab.run('a', 'attach', job));
});

test('the publisher’s home is deleted after --detach; another peer has the results', async () => {
  await using lab = await Lab.open();
  const [a] = await lab.three();
  const detached = await lab.run('a', 'publish', STEADY, '--accept', `${ACCEPT}`, '--detach');
  expect(detached.code).toBe(0);
  const job = detached.stdout.trim();
  await a.kill();
  await rm(lab.home('a'), { recursive: true });
  await expectLines(lab.run('c', 'attach', job));
  await expectLines(lab.run('b', 'results', job));
});

test('SIGKILL of the bootstrap leaves a mesh that a new peer can join', async () => {
  await using lab = await Lab.open();
  const [a, b] = await lab.three();
  const published = await lab.publish('b', STEADY, '--accept', `${ACCEPT}`);
  await published.firstLine();
  await a.kill();
  await lab.join('d', [b]);
  await expectOracle(published, answer);
  await lab.sees('c', 3);
});

test('SIGKILL of all at once, restart in another order without a bootstrap: they go on', async () => {
  await using lab = await Lab.open();
  const peers = await lab.three();
  const published = await lab.publish('a', STEADY, '--accept', `${ACCEPT}`);
  const job = await published.job();
  await published.firstLine();
  await Promise.all(peers.map((peer) => peer.kill()));
  await published.command.done;
  await lab.restart('c');
  await lab.restart('a');
  await lab.restart('b');
  await Promise.all(['a', 'b', 'c'].map((name) => lab.sees(name, 3)));
  await expectLines(lab.run('b', 'attach', job));
});

test('SIGSTOP of one peer for 20 s, then SIGCONT, changes nothing', async () => {
  await using lab = await Lab.open();
  const [, , c] = await lab.three();
  const long = 700;
  const published = await lab.publish('a', STEADY, '--accept', `${long}`);
  await published.firstLine();
  c.stop();
  const { promise: passed, resolve: pass } = Promise.withResolvers<void>();
  setTimeout(pass, 20_000);
  await passed;
  c.proceed();
  await expectOracle(published, oracle({ fn: STEADY, accept: long }));
  await lab.sees('c', 3);
});

test('1 000 → 2 000 continues, and the same command again evaluates nothing', async () => {
  await using lab = await Lab.open();
  const fn = 'examples/pi.js';
  const publish = (count: number): Promise<Published> =>
    lab.publish('solo', fn, '--accept', `${count}`);
  const first = await (await publish(1000)).end();
  const more = await (await publish(2000)).end();
  const truth = await oracle({ fn, accept: 2000 });
  expect(more.stdout).toBe(truth.stdout);
  expect(more.stdout.startsWith(first.stdout)).toBe(true);
  expect(more.summary.ran).toBeLessThan(truth.evaluated);
  expect(first.summary.ran + more.summary.ran).toBeGreaterThanOrEqual(truth.evaluated);
  const again = await (await publish(2000)).end();
  expect(again.stdout).toBe(truth.stdout);
  expect(again.summary.ran).toBe(0);
  expect(again.summary.certificate).toBe(truth.certificate(again.summary.computation));
});

test('a child that dies at three indices: the successor’s answer skips exactly these', async () => {
  await using lab = await Lab.open();
  await lab.three();
  const fn = 'test/e2e/functions/dies.js';
  const skip = [17, 40, 101];
  const published = await lab.publish('b', fn, '--accept', '60', '--params', '{"deadly":true}');
  const { stdout, summary } = await published.end();
  const truth = await oracle({ fn, accept: 60, skip });
  expect(stdout).toBe(truth.stdout);
  expect(summary.skipped).toEqual(skip);
  expect(summary.certificate).toBe(truth.certificate(summary.computation));
  expect(summary.evaluated).toBe(truth.evaluated);
});
