import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ENTRY } from './built.ts';
import { childrenOf, Lab } from './lab.ts';
import { isAlive } from './process-state.ts';

describe('a terminal that hangs up', () => {
  test('drains the peer that was started in it', async () => {
    await using lab = await Lab.open();
    const home = join(lab.folder, 'terminal');
    const log = join(lab.folder, 'log');
    const flags = `start --home ${home} --json --listen /ip4/127.0.0.1/tcp/0`;
    const command = `exec ${process.execPath} ${ENTRY} ${flags} 2> ${log}`;
    // A terminal of its own, which is gone with the one that holds its other end.
    const terminal = spawn('script', ['-qec', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const [chunk] = (await once(terminal.stdout, 'data')) as [Buffer];
    expect(chunk.toString()).toContain('"event":"ready"');
    const [peer = 0] = await childrenOf(terminal.pid ?? 0);
    terminal.kill('SIGKILL');
    await expect.poll(() => isAlive(peer), { timeout: 20_000 }).toBe(false);
    expect(readFileSync(log, 'utf8')).toContain('"event":"draining"');
  });

  test('is nothing to a peer that has none, as under nohup', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    process.kill(a.pid, 'SIGHUP');
    expect(await lab.status('a')).toMatchObject({ busy: 0 });
    expect(isAlive(a.pid)).toBe(true);
  });
});
