import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Sandbox, Tier } from '../../src/work/sandbox/sandbox.ts';
import { hasBwrap, hasPermission } from '../why-no-bwrap.ts';
import { inputsOf, openBench, textsOf, type WorkBench } from './work-bench.ts';

let folder: string;
let bench: WorkBench;
const servers: Server[] = [];
const asked: string[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-reach-'));
  mkdirSync(join(folder, 'open'));
  bench = await openBench({ folder });
  for (const path of [socket(), join(folder, 'open', 'sock')]) {
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end('of others');
    });
    servers.push(server.listen(path));
    await once(server, 'listening');
  }
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  for (const one of servers) one.close();
  rmSync(folder, { recursive: true, force: true });
});

const socket = (): string => join(folder, 'sock');

/** Values of a program's list of deeds by index, or why one came to none. */
async function outcomesOf(deeds: readonly string[], sandbox: Partial<Sandbox>): Promise<unknown[]> {
  const program = `
import async_hooks from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import child from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import module, { createRequire, register } from 'node:module';
import net from 'node:net';
import tls from 'node:tls';
import v8, { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
const require = createRequire(import.meta.url);
const seen = [];
channel('worker_threads').subscribe(({ worker }) => seen.push(worker));
process.on('worker', (worker) => seen.push(worker));
async_hooks.createHook({
  init: (id, type, trigger, what) => { if (type === 'WORKER') seen.push(what); },
}).enable();
const heard = (thing, event) => new Promise((resolve, reject) => {
  thing.on(event, () => resolve(event)).on('error', reject);
});
const asks = (options) => new Promise((resolve, reject) => {
  http.get(options, async (response) => {
    let text = '';
    for await (const piece of response) text += piece;
    resolve(text);
  }).on('error', reject);
});
const deeds = [
  ${deeds.map((deed) => `async ({ params: { path, open }, scratch }) => ${deed}`).join(',\n  ')}
];
export default async (input) => {
  try {
    return await deeds[input.index](input);
  } catch (error) {
    return error.code === 'ERR_ACCESS_DENIED' ? 'refused: ' + error.permission : String(error);
  }
};
`;
  const params = JSON.stringify({ path: socket(), open: join(folder, 'open') });
  const held: Sandbox = { tier: 'permission', net: false, reads: [], writes: [], ...sandbox };
  const inputs = inputsOf(program, { sandbox: held, params });
  const told = bench.execute({ hi: deeds.length }, inputs);
  await told.ended;
  const outcomes: unknown[] = [];
  for (const text of textsOf(told.parts)) {
    const cut = text.indexOf(':');
    outcomes[Number(text.slice(0, cut))] = JSON.parse(text.slice(cut + 1));
  }
  for (const { index, failure } of told.failed) outcomes[index] = failure.detail;
  return outcomes;
}

const tiers: [Tier, boolean][] = [
  ['permission', hasPermission],
  ['bwrap', hasBwrap && hasPermission],
];

/** Something that makes a handle of a socket with a path. */
const HANDLE =
  "(() => { const s = new net.Socket(); try { s.connect('/none'); } catch {} return s; })()";

/** By claim: the permission that is told of, and deeds. */
const REFUSED: readonly [string, string, readonly string[]][] = [
  [
    'has no SQLite, which opens any file',
    'SQLite',
    [
      "new (process.getBuiltinModule('node:sqlite').DatabaseSync)(open + '/a.db')",
      "new (await import('node:sqlite')).DatabaseSync(open + '/a.db')",
      "new (require('node:sqlite').DatabaseSync)(':memory:')",
      "require('node:sqlite').backup({}, open + '/b.db')",
    ],
  ],
  [
    'listens on no path, whichever way',
    'UnixSocket',
    [
      "heard(net.createServer().listen(open + '/made'), 'listening')",
      "heard(net.createServer().listen({ path: open + '/made' }), 'listening')",
      "heard(http.createServer().listen(open + '/made'), 'listening')",
      "heard(net.createServer().listen('\\0made'), 'listening')",
      "net._createServerHandle(open + '/made', -1, -1)",
      "new net._createServerHandle(open + '/made', -1, -1)",
    ],
  ],
  [
    'speaks to no socket with a path, whichever way',
    'UnixSocket',
    [
      "heard(net.connect(path), 'connect')",
      "heard(net.connect({ path }), 'connect')",
      "heard(new net.Socket().connect(path), 'connect')",
      "heard(net.Stream.prototype.connect.call(new net.Socket(), { path }), 'connect')",
      "heard(tls.connect({ path }), 'secureConnect')",
      'asks({ socketPath: path })',
      'asks({ agent: new http.Agent({ socketPath: path }) })',
      'asks({ createConnection: () => net.connect(path) })',
      `${HANDLE}._handle.connect({}, path)`,
      `new (${HANDLE}._handle.constructor)(0).connect({}, path)`,
      `Object.getPrototypeOf(${HANDLE}._handle).connect.call(${HANDLE}._handle, {}, path)`,
      "heard(net.connect('\\0/tmp/.X11-unix/X0'), 'connect')",
      "heard(net.connect(scratch + '/../../../sock'), 'connect')",
    ],
  ],
  [
    'starts no thread, also none of Node’s loader',
    'WorkerThreads',
    [
      "register('data:text/javascript,')",
      "module.register('data:text/javascript,')",
      "module.Module.register('data:text/javascript,')",
      "process.getBuiltinModule('module').register('data:text/javascript,')",
      "new (require('worker_threads').Worker)('', { eval: true })",
      "new Worker('', { eval: true })",
      "{ if (scratch && seen.length === 0) new Worker(''); return seen.map(String); }",
    ],
  ],
  [
    'starts no process, whichever way',
    'ChildProcess',
    [
      "child.execFileSync('/bin/true')",
      "new child.ChildProcess().spawn({ file: '/bin/true', args: ['true'] })",
      "require('cluster').fork()",
      "process.execve?.('/bin/true', ['true'], {}) ?? child.fork('')",
    ],
  ],
  [
    'has no flags of V8, some of which write files',
    'Flags',
    [
      "v8.setFlagsFromString('--trace-turbo')",
      "setFlagsFromString('--trace-turbo')",
      "require('node:v8').setFlagsFromString('--trace-turbo')",
    ],
  ],
  [
    'signals nobody by another name for itself',
    'Signal',
    [
      `{
        try { Object.defineProperty(process, 'pid', { value: process.ppid }); } catch {}
        return process.kill(process.ppid, 0);
      }`,
    ],
  ],
  [
    'cannot replace what refuses sockets',
    'UnixSocket',
    [
      `{
        const tricked = () => path;
        try { Object.assign(require('path'), { resolve: tricked }); } catch {}
        try { Object.defineProperty(process, 'permission', { value: 1 }); } catch {}
        try { process.permission.has = () => true; } catch {}
        Reflect.apply = tricked;
        String.prototype.startsWith = () => true;
        const s = new net.Socket();
        try { s.connect('/none'); } catch {}
        const pipe = Object.getPrototypeOf(s._handle);
        try { delete pipe.connect; } catch {}
        try { pipe.connect = tricked; } catch {}
        return heard(net.connect(path), 'connect');
      }`,
    ],
  ],
];

describe.each(tiers)('a function in the tier %s', (tier, isThere) => {
  let outcomes: unknown[] = [];
  beforeAll(async () => {
    const deeds = REFUSED.flatMap(([, , each]) => each);
    if (isThere) outcomes = await outcomesOf(deeds, { tier });
  });

  test.runIf(isThere).each(REFUSED)('%s', (claim, what, deeds) => {
    const before = REFUSED.findIndex(([name]) => name === claim);
    const from = REFUSED.slice(0, before).flatMap(([, , each]) => each).length;
    const own = outcomes.slice(from, from + deeds.length);
    expect(own).toEqual(deeds.map(() => `refused: ${what}`));
  });

  test.runIf(isThere)('left nothing there, and asked nobody', () => {
    expect(readdirSync(join(folder, 'open'))).toEqual(['sock']);
    expect(asked).toEqual([]);
  });

  test.runIf(isThere)('has sockets in its scratch folder and where it may write', async () => {
    const open = join(folder, 'open');
    const made = await outcomesOf(
      [
        "heard(net.createServer().listen(scratch + '/s'), 'listening')",
        "asks({ socketPath: open + '/sock' })",
      ],
      { tier, writes: [open] },
    );
    expect(made).toEqual(['listening', 'of others']);
    expect(asked.splice(0)).toEqual(['/']);
  });
});

test.runIf(hasPermission)('nothing leads out of a folder that a function may read', async () => {
  const up = "'/proc/self/fd/' + fs.openSync(scratch, 'r') + '/..'";
  const deeds = [
    `fs.readdirSync(${up})`,
    `fs.openSync(${up}, 'r')`,
    `fs.readFileSync(${up} + '/../x')`,
    `fs.readFileSync(Buffer.from(${up} + '/x'))`,
    "fs.readlinkSync('/proc/self/fd/4')",
    "fs.readdirSync('/proc/self/fd')",
    "fs.readdirSync(scratch + '/..')",
    "fs.readFileSync(scratch + '/../../../../x')",
    "fs.readFileSync('/proc/self/environ')",
    "fs.readdirSync('/proc/self/cwd')",
  ];
  const outcomes = await outcomesOf(deeds, {});
  expect(outcomes).toEqual(deeds.map(() => 'refused: FileSystemRead'));
});
