import { lstatSync, readlinkSync } from 'node:fs';

/** A path that exists in a sandbox, where it is outside. */
export interface Mount {
  readonly path: string;
  readonly writable: boolean;
  /** Without it the sandbox is none; else it is left out where it does not exist. */
  readonly required: boolean;
  /** What is mounted there, where bubblewrap has it open by this number. @default the path */
  readonly descriptor?: number;
}

export interface BubblewrapOptions {
  readonly net: boolean;
  readonly mounts: readonly Mount[];
  /** The working folder. */
  readonly folder: string;
  /** What `/tmp` is, unless a mount lies there. @default there is none */
  readonly temporary?: string;
}

const PROGRAMS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/opt', '/nix'];

/** What programs look for when they start; nothing of it is anybody's secret. */
const SETTINGS = [
  ...['alternatives', 'fonts', 'group', 'java', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d'],
  ...['ImageMagick-6', 'ImageMagick-7', 'localtime', 'magic', 'magic.mime', 'mime.types'],
  ...['nsswitch.conf', 'papersize', 'passwd', 'perl', 'profile', 'python3', 'R', 'timezone'],
].map((name) => `/etc/${name}`);

/** What the network takes beside. */
const NETWORK = [
  ...['ca-certificates', 'ca-certificates.conf', 'hosts', 'pki', 'resolv.conf', 'ssl/certs'],
  ...['ssl/openssl.cnf', 'services', 'protocols'],
].map((name) => `/etc/${name}`);

/** The programs and libraries of the machine, to be read alone. */
export const SYSTEM: readonly Mount[] = [...PROGRAMS, ...SETTINGS].map(readable);

/** What is to be read where there is a network. */
export const NETWORK_SETTINGS: readonly Mount[] = NETWORK.map(readable);

function readable(path: string): Mount {
  return { path, writable: false, required: false };
}

/**
 * The words that go between `bwrap` and `--`: file system, processes and (unless net) network of
 * their own; all ends with the process that starts it. Of two mounts the deeper one counts.
 */
export function bubblewrapWords(options: BubblewrapOptions): string[] {
  const mounts = options.mounts.toSorted((a, b) => depth(a.path) - depth(b.path));
  const isWhole = mounts.some(({ path }) => path === '/');
  const { temporary } = options;
  const hasTemporary = temporary !== undefined && !mounts.some(({ path }) => isIn(path, '/tmp'));
  return [
    ...['--unshare-user-try', '--unshare-ipc', '--unshare-pid', '--unshare-uts'],
    ...['--unshare-cgroup-try', ...(options.net ? [] : ['--unshare-net'])],
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
    ...mounts.flatMap((mount) => mountWords(mount, isWhole)),
    ...['--proc', '/proc', '--dev', '/dev', '--remount-ro', '/dev'],
    ...(hasTemporary && !isWhole ? ['--symlink', temporary, '/tmp'] : []),
    ...(isWhole ? [] : ['--remount-ro', '/']),
    ...['--chdir', options.folder],
  ];
}

function mountWords({ path, writable, required, descriptor }: Mount, isWhole: boolean): string[] {
  if (descriptor !== undefined) {
    return [writable ? '--bind-fd' : '--ro-bind-fd', String(descriptor), path];
  }
  const link = isWhole ? null : linkOf(path);
  if (link !== null) return ['--symlink', link, path];
  const way = writable ? '--bind' : '--ro-bind';
  return [required ? way : `${way}-try`, path, path];
}

/** Where a link into /usr leads, as /bin to usr/bin; other links are mounted as what they name. */
function linkOf(path: string): string | null {
  if (depth(path) !== 1) return null;
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() !== true) return null;
  const target = readlinkSync(path);
  return /^\/?usr\//.test(target) ? target : null;
}

function depth(path: string): number {
  return path === '/' ? 0 : path.split('/').length - 1;
}

function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
