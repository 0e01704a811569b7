// Node 22 and later: the entry file itself may not contain import().
const { enableCompileCache } = require('node:module') as typeof import('node:module');
const net = require('node:net') as typeof import('node:net');
const { homedir } = require('node:os') as typeof import('node:os');
const { isAbsolute, join } = require('node:path') as typeof import('node:path');

/**
 * What V8 makes of this program's files is kept in `$XDG_CACHE_HOME/meshd`, else `~/.cache/meshd`:
 * it saves an eighth of a command's start. Where nothing can be written nothing is kept.
 */
function keepCompiled(): void {
  const cache = process.env['XDG_CACHE_HOME'] ?? '';
  try {
    enableCompileCache?.(join(isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'meshd'));
  } catch {
    // A user without a home.
  }
}

/** Started through an old Node, this process ends as abruptly as that one does. */
function wearLeash(): void {
  const leash = new net.Socket({ fd: 3 });
  leash.on('error', () => undefined);
  leash.on('close', () => process.kill(process.pid, 'SIGKILL'));
  leash.resume();
  leash.unref();
}

if (process.env['MESHD_REEXEC'] === '1') wearLeash();
keepCompiled();

import('./main.js').then(
  (program) => program.main(),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
