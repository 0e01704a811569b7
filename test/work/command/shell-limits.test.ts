import { readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isAlive, PROGRAMS, SHELL_ID, ShellBench } from './shell-bench.ts';

/** Two generations that ignore SIGTERM and write their process ids. */
const STUBBORN = `trap '' TERM
sh -c 'echo $$ >> pids; sleep 1000 & echo $! >> pids; while :; do sleep 1; done' &
echo $! >> pids
while :; do sleep 1000; done`;

/** Ignores SIGTERM, has no environment, and writes its process id and its child's. */
const BARE = 'trap "" TERM; /bin/sleep 1000 & echo $$ $! > pids; wait; exit 1';

describe.each(PROGRAMS)('a command in %s', (program) => {
  test('that writes more than it may is ended, and its output is cut there', async () => {
    await using bench = new ShellBench(program);
    const result = await bench.run('echo $$ > pids; yes', { outputBytes: 1_000_000 });
    expect(result).toMatchObject({ ended: 'output', exit: -1, signal: 15 });
    expect(result.stdout).toMatchObject({ bytes: 1_000_000 });
    if (result.stdout instanceof Uint8Array) throw new Error('held');
    expect(statSync(result.stdout.file).size).toBe(1_000_000);
    expect(readFileSync(result.stdout.file, 'utf8')).toBe('y\n'.repeat(500_000));
    const errors = await bench.run('yes >&2', { outputBytes: 10 });
    expect(errors).toMatchObject({ ended: 'output', stdout: new Uint8Array(0) });
    expect(Buffer.from(errors.stderr as Uint8Array).toString()).toBe('y\n'.repeat(5));
    expect(await bench.text('echo next')).toBe('next\n');
  });

  test('that was over in time is not over its limit because nobody looked', async () => {
    await using bench = new ShellBench(program);
    const running = bench.run('echo done > ended; exit 4', { timeoutMs: 300 });
    // Nobody looks until its time is over, and its answer waits.
    const end = performance.now() + 500;
    while (performance.now() < end);
    expect(await running).toMatchObject({ ended: 'exit', exit: 4, signal: 0 });
  });

  test('that wrote more than it may is told so even if it was over before', async () => {
    await using bench = new ShellBench(program);
    const over = await bench.run('echo 12345', { outputBytes: 5 });
    expect(over).toMatchObject({ ended: 'output', exit: -1, signal: 0 });
    expect(Buffer.from(over.stdout as Uint8Array).toString()).toBe('12345');
    const within = await bench.run('echo 1234', { outputBytes: 5 });
    expect(within).toMatchObject({ ended: 'exit', exit: 0 });
  });

  test('that fills its folder beyond what may be there is ended, also in a folder below', async () => {
    await using bench = new ShellBench(program);
    const limits = { directory: bench.directory, folderBytes: 3_000_000 };
    const within = 'head -c 1000000 /dev/zero > a; sleep 1.2; echo within';
    const small = await bench.run(within, limits);
    expect([small.ended, Buffer.from(small.stdout as Uint8Array).toString()]).toEqual([
      'exit',
      'within\n',
    ]);
    const over = 'mkdir -p b; head -c 2000000 /dev/zero > b/c; echo $$ > pids; sleep 1000';
    const large = await bench.run(over, { ...limits, folderBytes: 2_500_000 });
    expect(large).toMatchObject({ ended: 'folder', exit: -1, signal: 15 });
    expect(large.ms).toBeLessThan(5000);
  });

  test('that ignores SIGTERM is killed after its time with all of its tree', async () => {
    await using bench = new ShellBench(program);
    const shell = await bench.text(`${SHELL_ID} echo $SHELL_ID`);
    const result = await bench.run(STUBBORN, { timeoutMs: 1000 });
    expect(result).toMatchObject({ ended: 'timeout', exit: -1, signal: 9 });
    expect(result.ms).toBeGreaterThan(2000);
    const pids = bench.pids('pids');
    expect(pids.length).toBe(3);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(await bench.text(`${SHELL_ID} echo $SHELL_ID`)).toBe(shell);
  });

  test('that heeds SIGTERM has time to clean up, and is not killed', async () => {
    await using bench = new ShellBench(program);
    const command = `trap 'sleep 0.4 && touch cleaned; exit 0' TERM; echo begun
      while :; do sleep 0.02; done`;
    const result = await bench.run(command, { timeoutMs: 1000 });
    expect(result).toMatchObject({ ended: 'timeout', exit: -1, signal: 15 });
    expect(Buffer.from(result.stdout as Uint8Array).toString()).toBe('begun\n');
    expect(readdirSync(bench.directory)).toContain('cleaned');
  });

  test.each([
    ['it cut loose', '(setsid sleep 1001 & echo $! $! > pids); exec sleep 1002'],
    ['only its ancestry tells of', `env -i /bin/sh -c '${BARE}' & wait`],
  ])('is ended with what %s, and not with what an earlier one left', async (_, command) => {
    await using bench = new ShellBench(program);
    await bench.run('sleep 1000 & echo $! > earlier');
    const stop = new AbortController();
    const refused = expect(bench.run(command, { signal: stop.signal })).rejects.toThrow('abort');
    await expect.poll(() => bench.pids('pids')).toHaveLength(2);
    stop.abort();
    await refused;
    expect(bench.pids('pids').filter(isAlive)).toEqual([]);
    expect(bench.pids('earlier').filter(isAlive)).toHaveLength(1);
  });

  test('that stops the shell itself is ended with it', async () => {
    await using bench = new ShellBench(program);
    const result = await bench.run(`${SHELL_ID} kill -STOP $SHELL_ID; echo $SHELL_ID > pids`, {
      timeoutMs: 1000,
    });
    expect(result).toMatchObject({ ended: 'timeout', exit: -1 });
    expect(bench.pids('pids').filter(isAlive)).toEqual([]);
    expect(await bench.text('echo next')).toBe('next\n');
  });

  test('that is aborted throws the reason and leaves nothing', async () => {
    await using bench = new ShellBench(program);
    const stop = new AbortController();
    const running = bench.run('seq 1 100000; sleep 1000 & echo $! > pids; wait', {
      signal: stop.signal,
    });
    const refused = expect(running).rejects.toThrow('no longer needed');
    await expect.poll(() => bench.pids('pids')).toHaveLength(1);
    stop.abort(new Error('no longer needed'));
    await refused;
    expect(bench.pids('pids').filter(isAlive)).toEqual([]);
    expect(readdirSync(bench.folder)).toHaveLength(2);
    expect(await bench.text('echo next')).toBe('next\n');
    await expect(bench.run('touch ran', { signal: stop.signal })).rejects.toThrow('no longer');
    expect(readdirSync(bench.directory)).not.toContain('ran');
  });
});
