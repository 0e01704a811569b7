import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bubblewrapWords, SYSTEM } from '../../src/work/sandbox/bubblewrap.ts';
import { bindsDescriptors, openGranted } from '../../src/work/sandbox/open-granted.ts';
import { hasBwrap } from '../why-no-bwrap.ts';

const canBind = hasBwrap && bindsDescriptors();
if (hasBwrap && !canBind) console.log('skipped: this bwrap has no --bind-fd');

let root: string;
let granted: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'meshd-granted-')));
  granted = join(root, 'granted');
  for (const name of ['granted', 'granted/own', 'secret']) mkdirSync(join(root, name));
  writeFileSync(join(root, 'secret', 'file'), 'secret\n');
  writeFileSync(join(granted, 'own', 'file'), 'own\n');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Opens a path that must lie in the granted folder, to be read or written. */
function open(path: string, kind: 'reads' | 'writes' = 'reads') {
  const sandbox = { tier: 'bwrap' as const, net: false, reads: [], writes: [], [kind]: [path] };
  return openGranted({ ...sandbox, within: new Map([[path, [granted]]]) }, 3);
}

/** What a command prints in a sandbox with these mounts. */
function inside({ mounts, descriptors }: ReturnType<typeof openGranted>, command: string): string {
  const words = bubblewrapWords({ net: false, mounts: [...SYSTEM, ...mounts], folder: '/' });
  const { stdout } = spawnSync('bwrap', [...words, '--', 'sh', '-c', command], {
    stdio: ['ignore', 'pipe', 'ignore', ...descriptors],
    encoding: 'utf8',
  });
  for (const descriptor of descriptors) closeSync(descriptor);
  return stdout;
}

describe.runIf(canBind)('a path that another one’s job opens', () => {
  test('is what it was when it was looked at, whatever lies there by the time of the mount', () => {
    const path = join(granted, 'own');
    const opened = open(path);
    renameSync(path, join(granted, 'aside'));
    symlinkSync(join(root, 'secret'), path);
    expect(inside(opened, `cat ${path}/file; ls ${granted}`)).toBe('own\nown\n');
  });

  test('is not there when it leads out of what is granted, and is when it leads within', () => {
    symlinkSync(join(root, 'secret'), join(granted, 'out'));
    symlinkSync('own', join(granted, 'in'));
    expect(open(join(granted, 'out'))).toEqual({ mounts: [], descriptors: [] });
    expect(open(join(granted, 'nothing'))).toEqual({ mounts: [], descriptors: [] });
    const linked = join(granted, 'in');
    expect(inside(open(linked), `cat ${linked}/file`)).toBe('own\n');
    // The beginning of a name is not a folder.
    mkdirSync(join(root, 'granted-not'));
    expect(open(join(root, 'granted-not')).mounts).toEqual([]);
  });

  test('opens nothing around it, is written only where that is granted, and may be a file', () => {
    const path = join(granted, 'own');
    const look = 'for fd in /proc/self/fd/*; do test -e $fd/../secret && echo out; done; echo end';
    expect(inside(open(path), look)).toBe('end\n');
    const write = `touch ${path}/new 2>&1 && echo written || echo refused`;
    expect(inside(open(path), write).split('\n').at(-2)).toBe('refused');
    expect(inside(open(path, 'writes'), write)).toBe('written\n');
    const file = join(path, 'file');
    expect(inside(open(file), `cat ${file}; ls ${path}`)).toBe('own\nfile\n');
  });
});
