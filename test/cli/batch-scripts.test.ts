import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
import { VERBS } from '../../src/cli/verbs.ts';
import { nowhere } from './captured-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-scripts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A command that a script finds on its path. */
function command(name: string, text: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(folder, name), 0o755);
}

command('srun', 'while [ "$1" != meshd ]; do shift; done; exec "$@"');
command(
  'meshd',
  `printf '%s\\n' "$@" > "$ARGUMENTS"; printf %s "$MESHD_INVITE" > "$INVITE"; eval "$THEN"`,
);

interface Seen {
  readonly code: number | null;
  readonly argv: string[];
  readonly invite: string;
}

/** Runs an example with a meshd that notes what it was given. */
async function seenBy(script: string, then: string, signal?: NodeJS.Signals): Promise<Seen> {
  const [file, invite] = [join(folder, 'arguments'), join(folder, 'invite')];
  rmSync(invite, { force: true });
  const PATH = `${folder}${delimiter}${process.env['PATH']}`;
  const env = {
    ...process.env,
    PATH,
    TMPDIR: folder,
    HOME: folder,
    ARGUMENTS: file,
    INVITE: invite,
  };
  writeFileSync(join(folder, '.meshd-invite'), 'meshd1fromfile\n');
  const child = spawn('sh', [script], { env: { ...env, THEN: then }, stdio: 'ignore' });
  const ended = once(child, 'close');
  if (signal !== undefined) {
    await expect.poll(() => existsSync(invite), { timeout: 20_000 }).toBe(true);
    child.kill(signal);
  }
  const [code] = (await ended) as [number | null];
  const argv = readFileSync(file, 'utf8').trimEnd().split('\n');
  return { code, argv, invite: readFileSync(invite, 'utf8') };
}

describe.each(['examples/meshd.slurm.sh', 'examples/meshd.sge.sh'])('%s', (script) => {
  test('is a script that sh can read', () => {
    execFileSync('sh', ['-n', script]);
  });

  test('gives meshd options that it knows, below the queue’s own limit', async () => {
    const { argv, code } = await seenBy(script, ':');
    expect(code).toBe(0);
    let options: Record<string, unknown> = {};
    const program = buildProgram(VERBS, nowhere(), async (verb, _args, given) => {
      options = { verb: verb.name, ...given };
    });
    await program.parseAsync(argv, { from: 'user' });
    expect(options).toMatchObject({ verb: 'join', exitWhenDone: true, slots: 1 });
    const [, hours = '', minutes = ''] =
      /(?:--time|h_rt)=(\d\d):(\d\d):00/.exec(readFileSync(script, 'utf8')) ?? [];
    const limitMs = (Number(hours) * 60 + Number(minutes)) * 60_000;
    expect(options['for']).toBeGreaterThan(0);
    expect(options['for']).toBeLessThan(limitMs);
  });

  test('hands the invite over by the environment alone, and leaves no state behind', async () => {
    const { argv, invite } = await seenBy(script, 'mkdir -p "$3"');
    expect(invite).toBe('meshd1fromfile');
    expect(argv.join(' ')).not.toContain('meshd1');
    expect(existsSync(argv[2] ?? '')).toBe(false);
  });

  test('ends with the exit code of the peer', async () => {
    expect((await seenBy(script, 'exit 3')).code).toBe(3);
  });
});

test('Grid Engine’s notice reaches the peer as SIGTERM, and its end is waited for', async () => {
  const then = `trap 'exit 7' TERM; while :; do sleep 0.05; done`;
  command(
    'patient',
    `printf %s "$MESHD_INVITE" > "$INVITE"; printf 'x\\n' > "$ARGUMENTS"; ${then}`,
  );
  const text = readFileSync('examples/meshd.sge.sh', 'utf8').replace(
    'setsid meshd',
    'setsid patient',
  );
  const script = join(folder, 'patient.sh');
  writeFileSync(script, text);
  expect((await seenBy(script, ':', 'SIGUSR2')).code).toBe(7);
});
