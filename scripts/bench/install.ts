import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { SYSTEMS } from './systems/all.ts';
import type { System } from './systems/system.ts';

/** Packages of npm that the systems need: a folder of their own, kept from run to run. */
export const PACKAGES: string = join(tmpdir(), `meshd-bench-packages-${userInfo().username}`);

/**
 * Installs what systems that are not there need: with apt-get (as root; Debian's names), and with
 * npm into `PACKAGES`.
 */
export function install(systems: readonly System[]): void {
  const apt = [...new Set(systems.flatMap((system) => system.apt))];
  if (apt.length > 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options = ['install', '-y', '--no-install-recommends'];
    told('apt-get update', spawnSync('apt-get', ['update'], { env, stdio: OUTPUT }));
    told('apt-get install', spawnSync('apt-get', [...options, ...apt], { env, stdio: OUTPUT }));
    const services = apt.filter((name) => name.endsWith('-server'));
    if (services.length > 0) {
      const command = `systemctl disable --now ${services.join(' ')}`;
      process.stderr.write(`Debian may have started services that are not needed: ${command}\n`);
    }
  }
  // All of them: npm takes out what a folder has beyond what it is asked for.
  const npm = [...new Set(SYSTEMS.flatMap((system) => system.npm))];
  if (systems.some((system) => system.npm.length > 0)) {
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
