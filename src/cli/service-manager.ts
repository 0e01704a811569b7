import { execFile } from 'node:child_process';
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { launchdAgent, type ServiceSpec, systemdUnit, windowsTask } from './service-files.ts';

/** What a command of the system said. */
export interface Said {
  /** Null when it could not be started. */
  readonly code: number | null;
  readonly text: string;
}

type Command = readonly [program: string, ...args: string[]];

/** How a system's own service manager is told of a peer. */
export interface ServiceManager {
  /** Absolute path of the file that describes the service. */
  readonly file: string;
  readonly content: string | Uint8Array;
  /** Succeeds where services of a user can be had; null: they always can. */
  readonly check: Command | null;
  /** What to do where the check fails. */
  readonly instead: string;
  readonly install: readonly Command[];
  /** Starts the service now. */
  readonly start: Command;
  /** Before the file is removed, and after; failures do not matter. */
  readonly remove: { readonly before: readonly Command[]; readonly after: readonly Command[] };
  readonly status: Command;
  /** Prints `yes` where the service starts without a log-in; null: nothing more can be done. */
  readonly lingers: Command | null;
}

/** The service manager of a platform. */
export function managerOf(
  platform: NodeJS.Platform,
  spec: ServiceSpec,
  env: NodeJS.ProcessEnv,
): ServiceManager {
  if (platform === 'win32') return scheduler(spec);
  return platform === 'darwin' ? launchd(spec, env) : systemd(spec, env);
}

function systemd(spec: ServiceSpec, env: NodeJS.ProcessEnv): ServiceManager {
  const unit = `${spec.name}.service`;
  const given = env['XDG_CONFIG_HOME'];
  const config = given && isAbsolute(given) ? given : join(env['HOME'] ?? homedir(), '.config');
  const systemctl = (...args: string[]): Command => ['systemctl', '--user', ...args];
  return {
    file: join(config, 'systemd', 'user', unit),
    content: systemdUnit(spec),
    check: systemctl('show-environment'),
    instead:
      'no systemd session of this user here: log in anew (not by su or sudo), or put into ' +
      `\`crontab -e\`: @reboot ${spec.command.map(cronWord).join(' ')}`,
    install: [systemctl('daemon-reload'), systemctl('enable', unit)],
    start: systemctl('restart', unit),
    remove: { before: [systemctl('disable', '--now', unit)], after: [systemctl('daemon-reload')] },
    status: systemctl('is-active', unit),
    lingers: ['loginctl', 'show-user', String(userInfo().uid), '--property=Linger', '--value'],
  };
}

/** A word for the shell; cron takes a plain percent sign for the end of the line. */
function cronWord(word: string): string {
  if (/^[\w./:@=-]+$/.test(word)) return word;
  return `'${word.replace(/'/g, `'\\''`).replace(/%/g, '\\%')}'`;
}

function launchd(spec: ServiceSpec, env: NodeJS.ProcessEnv): ServiceManager {
  const domain = `gui/${userInfo().uid}`;
  const agents = join(env['HOME'] ?? homedir(), 'Library', 'LaunchAgents');
  const file = join(agents, `${spec.name}.plist`);
  return {
    file,
    content: launchdAgent(spec),
    check: ['launchctl', 'print', domain],
    instead: 'no session of launchd for this user: log in on the machine itself, then try again',
    install: [],
    start: ['launchctl', 'bootstrap', domain, file],
    remove: { before: [['launchctl', 'bootout', `${domain}/${spec.name}`]], after: [] },
    status: ['launchctl', 'print', `${domain}/${spec.name}`],
    lingers: null,
  };
}

function scheduler(spec: ServiceSpec): ServiceManager {
  const file = join(spec.home, 'service.xml');
  const task = ['/TN', spec.name] as const;
  return {
    file,
    content: Buffer.from(`\ufeff${windowsTask(spec)}`, 'utf16le'),
    check: null,
    instead: '',
    install: [['schtasks', '/Create', ...task, '/XML', file, '/F']],
    start: ['schtasks', '/Run', ...task],
    remove: {
      before: [
        ['schtasks', '/End', ...task],
        ['schtasks', '/Delete', ...task, '/F'],
      ],
      after: [],
    },
    status: ['schtasks', '/Query', ...task],
    lingers: null,
  };
}

/** Runs a command of the system to its end. */
export function say([program, ...args]: Command, env: NodeJS.ProcessEnv): Promise<Said> {
  const { promise, resolve } = Promise.withResolvers<Said>();
  execFile(program, args, { env, windowsHide: true }, (error, stdout, stderr) => {
    const text = `${stdout}${stderr}`.trim();
    const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
    resolve({ code, text: code === null ? String(error?.message) : text });
  });
  return promise;
}
