#!/usr/bin/env node
// biome-ignore-all lint: this file must parse on any Node, so it is written in ES5.
// On a good Node it loads the program; on an old one it looks for a good Node, or says in one line
// what is wrong.
(function () {
  var parts = process.versions.node.split('.');
  var major = Number(parts[0]);
  if (major > 22 || (major === 22 && Number(parts[1]) >= 12)) {
    require('./load.cjs');
    return;
  }
  var path = require('path');
  var fs = require('fs');
  var name = process.platform === 'win32' ? 'node.exe' : 'node';
  var node = path.join(__dirname, '..', '..', 'node_modules', 'node', 'bin', name);
  if (process.env['MESHD_REEXEC'] !== '1' && fs.existsSync(node)) {
    var env = Object.assign({}, process.env, { MESHD_REEXEC: '1' });
    var argv = [__filename].concat(process.argv.slice(2));
    var child = require('child_process').spawn(node, argv, {
      // The fourth is a leash: it breaks when this process is killed, and the program ends with it.
      stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
      env: env,
    });
    // A terminal sends its signals to both processes; other senders know only this one.
    var terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
    var forward = function (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
      process.on(signal, function () {
        if (signal !== 'SIGINT' || !terminal) child.kill(signal);
      });
    };
    forward('SIGINT');
    forward('SIGTERM');
    forward('SIGHUP');
    child.on('error', function () {
      process.exit(2);
    });
    child.on('exit', function (code: number | null, signal: string | null) {
      process.exit(code === null ? (signal === 'SIGINT' ? 130 : 143) : code);
    });
    return;
  }
  process.stderr.write('meshd needs Node >= 22.12, you have ' + process.versions.node + '\n');
  process.exit(2);
})();
