import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError } from 'commander';
import { defaultHome } from '../control/home.ts';
import { MeshError } from '../core/mesh-error.ts';
import { type Context, print, tell } from './context.ts';
import { EXIT } from './exit-code.ts';
import { PEER_FLAGS, type PeerFlags } from './peer-flags.ts';
import type { ServiceManager } from './service-manager.ts';
import { formatPairs } from './table.ts';
import type { Flag, Verb } from './verb.ts';

const ACTIONS = ['install', 'remove', 'status'] as const;
type Action = (typeof ACTIONS)[number];

export const service: Verb<readonly [Action], PeerFlags> = {
  name: 'service',
  group: 'This machine',
  summary: 'run the peer at every log-in or boot: a service of this user',
  notes:
    'install: a systemd user unit, a launchd agent or a Windows task that runs `meshd join` on ' +
    'this home, which must belong to a mesh, and again after a failure. No root is needed. The ' +
    'options of `join` that are given are kept. The mesh secret stays in the home.',
  examples: [
    'meshd service install',
    'meshd service install --home /srv/mesh --slots 4',
    'meshd service status',
    'meshd service remove',
  ],
  positionals: [{ name: '<action>', help: ACTIONS.join(', '), parse: action, complete: ACTIONS }],
  flags: PEER_FLAGS,
  async run(context, [what], options) {
    const { managerOf } = await import('./service-manager.ts');
    const { home, io } = context;
    const command = [process.execPath, ENTRY, 'join', '--home', home, ...wordsOf(options)];
    const spec = { name: nameOf(context), command: command.map(printable), home };
    const manager = managerOf(process.platform, spec, io.env);
    switch (what) {
      case 'install':
        return install(context, manager, spec.name);
      case 'remove':
        return remove(context, manager);
      case 'status':
        return status(context, manager);
    }
  },
};

const ENTRY = fileURLToPath(new URL('./meshd.cjs', import.meta.url));

function action(text: string): Action {
  const found = ACTIONS.find((each) => each === text);
  if (found === undefined) throw new InvalidArgumentError(`It must be ${ACTIONS.join(', ')}.`);
  return found;
}

/** One service for each home: that of the default home has the plain name. */
function nameOf({ home, io }: Context): string {
  if (home === defaultHome({ ...io.env, MESHD_HOME: '' })) return 'meshd';
  return `meshd-${createHash('sha256').update(home).digest('hex').slice(0, 8)}`;
}

/** The options given, as words of a command line again. */
function wordsOf(options: PeerFlags): string[] {
  const given = options as Readonly<Record<string, unknown>>;
  return PEER_FLAGS.flatMap((flag) => {
    const long = /--[a-z-]+/.exec(flag.flags)?.[0] ?? flag.flags;
    const value = given[keyOf(flag)];
    if (value === undefined || value === false) return [];
    if (value === true) return [long];
    return [value].flat().flatMap((each) => [long, String(each)]);
  });
}

function keyOf({ flags }: Flag): string {
  const long = /--([a-z-]+)/.exec(flags)?.[1] ?? '';
  return long.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function printable(word: string): string {
  if (!/\p{Cc}/u.test(word)) return word;
  const text = `${JSON.stringify(word)} has a control character: no service can be given that`;
  throw new MeshError('MESH_USAGE', text);
}

async function install(context: Context, manager: ServiceManager, name: string): Promise<number> {
  const { say } = await import('./service-manager.ts');
  const { connectControl } = await import('../control/client.ts');
  const { home, io } = context;
  if (!existsSync(join(home, 'mesh'))) {
    const text = 'this home belongs to no mesh yet: `meshd join INVITE` or `meshd start` first';
    throw new MeshError('MESH_NOT_MEMBER', text);
  }
  if (manager.check !== null && (await say(manager.check, io.env)).code !== 0) {
    return fail(context, manager.instead);
  }
  await mkdir(dirname(manager.file), { recursive: true });
  await writeFile(manager.file, manager.content);
  const isRunning = (await connectControl(home)) !== null;
  for (const command of isRunning ? manager.install : [...manager.install, manager.start]) {
    const { code, text } = await say(command, io.env);
    if (code !== 0) return fail(context, `${command.join(' ')} failed: ${text || code}`);
  }
  const lingers = manager.lingers === null || (await say(manager.lingers, io.env)).text === 'yes';
  const next = [
    ...(isRunning
      ? [`a peer runs here already: \`meshd stop\`, then \`${manager.start.join(' ')}\``]
      : []),
    ...(lingers ? [] : ['to start it at boot, without a log-in: `loginctl enable-linger`']),
  ];
  const text = [`${name} is installed: ${manager.file}`, ...next.map((line) => `next: ${line}`)];
  print(context, text.join('\n'), { event: 'installed', service: name, file: manager.file, next });
  return EXIT.done;
}

async function remove(context: Context, manager: ServiceManager): Promise<number> {
  const { say } = await import('./service-manager.ts');
  const was = existsSync(manager.file);
  for (const command of was ? manager.remove.before : []) await say(command, context.io.env);
  await rm(manager.file, { force: true });
  for (const command of was ? manager.remove.after : []) await say(command, context.io.env);
  const text = was ? 'the service is removed; the home is kept' : 'there was no service';
  print(context, text, { event: 'removed', file: manager.file, was });
  return EXIT.done;
}

async function status(context: Context, manager: ServiceManager): Promise<number> {
  const { say } = await import('./service-manager.ts');
  const installed = existsSync(manager.file);
  const active = installed && (await say(manager.status, context.io.env)).code === 0;
  const state = !installed ? 'not installed' : active ? 'runs' : 'installed, does not run';
  const text = formatPairs([
    ['service', state],
    ['file', installed ? manager.file : null],
    ['home', context.home],
  ]);
  print(context, text, { installed, active, file: manager.file, home: context.home });
  return active ? EXIT.done : EXIT.failed;
}

function fail(context: Context, message: string): number {
  tell(context, `meshd service: ${message}`, { level: 'error', event: 'failed', message });
  return EXIT.failed;
}
