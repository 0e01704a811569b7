import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Ran, runCaptured, startCaptured } from './captured-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-doctor-'));
const [a, b] = [join(folder, 'a'), join(folder, 'b')];
const LOCAL = ['--listen', '/ip4/127.0.0.1/tcp/0', '--slots', '1', '--json'];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function doctor(home: string, ...argv: string[]): Promise<Ran> {
  return runCaptured(['doctor', '--home', home, ...argv]);
}

test('on a home that is not there it says what to do, and makes nothing', async () => {
  const { code, stdout } = await doctor(a);
  expect(code).toBe(1);
  expect(stdout).toMatch(/1\. the home .* belongs to no mesh\n {3}next: `meshd join`/);
  expect(existsSync(a)).toBe(false);
});

test('with two peers that see each other all is well; it names who went, and a port', async () => {
  const first = startCaptured(['start', '--home', a, '--name', 'first', ...LOCAL]);
  const { invite, addresses } = JSON.parse(await first.prints('\n')) as {
    invite: string;
    addresses: string[];
  };
  const second = startCaptured([
    'join',
    invite,
    '--home',
    b,
    '--name',
    'second',
    '--relay-rate',
    '5MB',
    ...LOCAL,
  ]);
  await second.prints('\n');
  await expect.poll(async () => (await doctor(b)).code, { timeout: 20_000 }).toBe(0);
  const well = await doctor(b);
  expect(well.stdout).toMatch(/^reaches +first: direct, [\d.]+ ms$/m);
  expect(well.stdout).toMatch(/^relays +5 MB\/s at most$/m);
  expect(well.stdout).toMatch(/all is well\n$/);
  const status = await runCaptured(['status', '--home', b]);
  expect(status.stdout).toMatch(/^relays +5 MB\/s at most$/m);
  expect(JSON.parse((await doctor(b, '--json')).stdout)).toMatchObject({
    well: true,
    findings: [],
  });

  second.interrupt();
  await second.done;
  const stopped = await doctor(b);
  expect(stopped.code).toBe(1);
  expect(stopped.stdout).toMatch(/^dialed .*port \d+ .*: open$/m);
  expect(stopped.stdout).toMatch(/1\. no peer runs on .*\n {3}next: .*meshd service install/);

  first.interrupt();
  await first.done;
  const { stdout } = await doctor(b, '--json');
  const port = Number(/\/tcp\/(\d+)/.exec(addresses[0] ?? '')?.[1]);
  const report = JSON.parse(stdout) as { tries: unknown[]; findings: { about: string }[] };
  expect(report.tries).toContainEqual(expect.objectContaining({ port, fault: 'refused' }));
  expect(report.findings.map(({ about }) => about)).toEqual(['mesh', 'reach']);
});
