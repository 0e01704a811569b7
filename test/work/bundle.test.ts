import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleProgram } from '../../src/work/bundle.ts';
import { inputsOf, openBench, textsOf, type WorkBench } from './work-bench.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-bundle-'));
let bench: WorkBench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(async () => {
  await bench.workforce.close();
  rmSync(folder, { recursive: true });
});

/** Writes files and gives the path of the first. */
function written(files: Record<string, string | Uint8Array>): string {
  const root = mkdtempSync(join(folder, 'case-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return join(root, Object.keys(files)[0] ?? '');
}

async function evaluated(path: string): Promise<string> {
  const { program } = await bundleProgram(path);
  const { parts, ended, failed } = bench.execute({ hi: 1 }, { ...inputsOf(''), program });
  await ended;
  expect(failed).toEqual([]);
  return textsOf(parts).join();
}

describe('a function file runs', () => {
  const pack = {
    'node_modules/pack/package.json': '{"name":"pack","main":"main.js"}',
    'node_modules/pack/main.js': `const path = require('path'); exports.base = (x) => path.basename(x);`,
  };
  test.each<[string, Record<string, string | Uint8Array>, string]>([
    [
      'an ES module',
      {
        'fn.js': `import { a } from './a.js'; export default () => a;`,
        'a.js': 'export const a = 1',
      },
      '1',
    ],
    [
      'TypeScript',
      {
        'fn.ts': `import { a } from './a'; enum E { X = 4 } export default (): number => a + E.X;`,
        'a.ts': 'export const a: number = 1',
      },
      '5',
    ],
    [
      'CommonJS',
      {
        'fn.cjs': `const { base } = require('pack'); module.exports = () => base('/a/b');`,
        ...pack,
      },
      '"b"',
    ],
    [
      'CommonJS with setup',
      { 'fn.js': `module.exports = ({ state }) => state; module.exports.setup = () => 8;` },
      '8',
    ],
    [
      'compiled CommonJS',
      {
        'fn.js': `Object.defineProperty(exports, '__esModule', { value: true }); exports.default = () => 6; exports.accept = (v) => v === 6;`,
      },
      '6',
    ],
    [
      'a package that requires a builtin',
      { 'fn.js': `import { base } from 'pack'; export default () => base('/x/y');`, ...pack },
      '"y"',
    ],
    [
      'top-level await',
      { 'fn.js': `const a = await Promise.resolve(3); export default () => a;` },
      '3',
    ],
    [
      'powers',
      {
        'fn.js':
          `let n = 3; export default ({ index }) => [(index + 3) ** n, Number(2n ** BigInt(n)), ** 0].slice(0, 2);`.replace(
            ', ** 0',
            '',
          ),
      },
      '[27,8]',
    ],
    [
      'wasm',
      {
        'fn.js': `import bytes from './m.wasm'; export default () => new WebAssembly.Module(bytes) && bytes.length;`,
        'm.wasm': new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]),
      },
      '8',
    ],
  ])('%s', async (_, files, value) => {
    expect(await evaluated(written(files))).toBe(`0:${value}`);
  });

  test('with the same bytes from another folder', async () => {
    const source = `module.exports = () => require('pack').base('a');`;
    const first = await bundleProgram(written({ 'one/fn.cjs': source, ...pack }));
    const deeper = written({ 'one/two/fn.cjs': source, ...pack });
    const second = await bundleProgram(pathToFileURL(deeper));
    // The map names files from the function's folder on.
    const { sources } = first;
    expect({ ...second, sources }).toEqual(first);
    expect(first.name).toBe('fn');
  });

  test('without the exponent operator, whose last bit differs between engines', async () => {
    const path = written({
      'fn.js': 'export default ({ index }) => { let x = index ** 3; x **= 2; return x }',
    });
    const { program } = await bundleProgram(path);
    expect(new TextDecoder().decode(program)).not.toContain('**');
  });
});

describe('a bundle tells', () => {
  test('what may differ between machines, by the user’s own code alone', async () => {
    const path = written({
      'fn.js': `import 'clock'; import { readFileSync } from 'fs'; // Date.now()
        export default async () => [performance.now(), await fetch('http://x'), new Date(), readFileSync];`,
      'node_modules/clock/package.json': '{"main":"main.js"}',
      'node_modules/clock/main.js': 'globalThis.t = Date.now()',
    });
    const { warnings, builtins } = await bundleProgram(path);
    expect(warnings.map((line) => line.replace(path, 'fn.js'))).toEqual([
      'fn.js uses new Date: its result must not depend on it',
      'fn.js uses performance.now: its result must not depend on it',
      'fn.js uses fetch: its result must not depend on it',
    ]);
    expect(builtins).toEqual(['node:fs']);
  });

  test('nothing of a pure function', async () => {
    const { warnings, builtins } = await bundleProgram(
      written({ 'fn.js': 'export default ({ rng }) => new Date(5).getTime() + rng.normal()' }),
    );
    expect([warnings, builtins]).toEqual([[], []]);
  });
});

test.each<[string, Record<string, string>, string, string]>([
  [
    'a syntax error',
    { 'fn.js': 'const a = 1;\n\texport default () => ) a;' },
    'MESH_BAD_FUNCTION',
    'fn.js:2:23: Unexpected ")"\n\texport default () => ) a;\n\t                     ^',
  ],
  [
    'a syntax error in an import',
    { 'fn.js': `import './b.ts'; export default () => 1`, 'b.ts': 'let 5' },
    'MESH_BAD_FUNCTION',
    'b.ts:1:5: ',
  ],
  [
    'a missing package',
    { 'fn.js': `import x from '@a/b/c'; export default x` },
    'MESH_BAD_FUNCTION',
    'fn.js:1:15: cannot import "@a/b/c": package not found; install it beside the file (npm install @a/b)',
  ],
  [
    'a missing file',
    { 'fn.js': `import x from './x.js'; export default x` },
    'MESH_BAD_FUNCTION',
    'fn.js:1:15: cannot import "./x.js": no such file',
  ],
  [
    'a native module',
    { 'fn.js': `import x from './x.node'; export default () => x`, 'x.node': '' },
    'MESH_BAD_FUNCTION',
    'fn.js:1:15: x.node is a native module, which cannot travel; use one in JS or wasm',
  ],
  [
    'no default export',
    { 'fn.js': 'export const a = 1, b = 2' },
    'MESH_BAD_FUNCTION',
    'has no default export (it exports a, b); write: export default function',
  ],
  [
    'nothing',
    { 'fn.js': '' },
    'MESH_BAD_FUNCTION',
    'has no default export; write: export default function',
  ],
])('%s is refused in clear words', async (_, files, code, message) => {
  const path = written(files);
  await expect(bundleProgram(path)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
});

test('a path that is no file is refused with the path as it was given', async () => {
  await expect(bundleProgram('no/such.js')).rejects.toMatchObject({
    code: 'MESH_NO_FILE',
    message: 'no/such.js: no such file',
  });
  await expect(bundleProgram(folder)).rejects.toMatchObject({ code: 'MESH_NO_FILE' });
});
