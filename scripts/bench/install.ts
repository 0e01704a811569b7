import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { System } from './systems/system.ts';

/** Packages of npm that the systems need: a folder of their own, kept from run to run. */
export const PACKAGES: string = join(tmpdir(), `meshd-bench-packages-${userInfo().username}`);

/**
 * Installs what systems need: with apt-get (as root; Debian's names) and with npm into `PACKAGES`.
 * Services that Debian's packages would start are not started.
 */
export function install(systems: readonly System[]): void {
  const apt = [...new Set(systems.flatMap((system) => system.apt))];
  if (apt.length > 0) {
    const options = ['install', '-y', '--no-install-recommends'];
    // RUNLEVEL=1 keeps invoke-rc.d from starting services.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    told('apt-get', spawnSync('apt-get', [...options, ...apt], { env, stdio: OUTPUT }));
  }
  const npm = [...new Set(systems.flatMap((system) => system.npm))];
  if (npm.length > 0) {
    mkdirSync(PACKAGES, { recursive: true });
    writeFileSync(join(PACKAGES, 'package.json'), '{ "private": true }\n');
    const args = ['install', '--no-audit', '--no-fund', '--prefix', PACKAGES, ...npm];
    told('npm', spawnSync('npm', args, { stdio: OUTPUT }));
  }
}

/** All to stderr: stdout is for the table. */
const OUTPUT: ['ignore', number, number] = ['ignore', 2, 2];

function told(program: string, { status, error }: { status: number | null; error?: Error }): void {
  if (status === 0) return;
  const why = error === undefined ? `exit ${status}` : error.message;
  process.stderr.write(`${program}: ${why}; what is missing now is left out\n`);
}
