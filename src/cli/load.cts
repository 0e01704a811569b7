// Node 22 and later: the entry file itself may not contain import().
const net = require('node:net') as typeof import('node:net');

/** Started through an old Node, this process ends as abruptly as that one does. */
function wearLeash(): void {
  const leash = new net.Socket({ fd: 3 });
  leash.on('error', () => undefined);
  leash.on('close', () => process.kill(process.pid, 'SIGKILL'));
  leash.resume();
  leash.unref();
}

if (process.env['MESHD_REEXEC'] === '1') wearLeash();

import('./main.js').then(
  (program) => program.main(),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
