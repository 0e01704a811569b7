import { stat } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildFailure, type BuildOptions, build, type Message, type Metafile } from 'esbuild';
import { MeshError } from '../core/mesh-error.ts';
import { SOURCE_SCHEME } from './candidate/thrown.ts';

/** A function file as it travels. */
export interface Bundle {
  /** One ES module with all its imports, minified: so its bytes do not depend on the folder. */
  readonly program: Uint8Array;
  /** Its source map in JSON, without the sources. */
  readonly sources: Uint8Array;
  /** The file's name without its ending. */
  readonly name: string;
  /** A line each for a person: what may make candidates differ between machines. */
  readonly warnings: string[];
  /** Modules of Node that it imports, as `node:fs`, sorted. */
  readonly builtins: string[];
}

/** CommonJS packages may require modules of Node at run time. */
const BANNER =
  "import { createRequire as meshdRequire } from 'node:module';" +
  'const require = meshdRequire(import.meta.url);';

const OPTIONS = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  minify: true,
  legalComments: 'none',
  metafile: true,
  write: false,
  logLevel: 'silent',
  // `**` differs between engines; Math.pow is replaced where candidates run.
  supported: { 'exponent-operator': false },
  loader: { '.wasm': 'binary' },
} as const satisfies BuildOptions;

/** The bundle's name, which is nowhere in its bytes. */
const OUTPUT = 'meshd-program.mjs';

/** The map lies beside the program, whose bytes do not name it. */
const MAPPED = { sourcemap: 'external', sourcesContent: false } as const satisfies BuildOptions;

/** What makes an answer depend on the machine or the moment. */
const IMPURE: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/\bDate\.now\b/, 'Date.now'],
  [/\bnew Date\b(?!\([^)])/, 'new Date'],
  [/\bperformance\.now\b/, 'performance.now'],
  [/\bprocess\.hrtime\b/, 'process.hrtime'],
  [/\b(getRandomValues|randomUUID|randomBytes|randomInt)\b/, 'crypto randomness'],
  [/(?<![.\w$])fetch\s*\(/, 'fetch'],
];

/**
 * Bundles a function file (ES module, TypeScript or CommonJS) with its imports.
 * @throws MeshError MESH_NO_FILE when there is none; MESH_BAD_FUNCTION on a syntax error (file,
 * line, column; the source line and a caret follow), a missing package, a native module, or when
 * there is no default export. That the export is a function is seen at its import only.
 */
export async function bundleProgram(path: string | URL): Promise<Bundle> {
  const shown = path instanceof URL ? fileURLToPath(path) : path;
  const file = resolve(shown);
  await mustBeFile(file, shown);
  const folder = dirname(file);
  const options: BuildOptions = { ...OPTIONS, entryPoints: [file], absWorkingDir: folder };
  const { outputFiles = [], metafile } = await orExplain(
    build({ ...options, ...MAPPED, outfile: join(folder, OUTPUT), banner: { js: BANNER } }),
  );
  const exports = metafile?.outputs[OUTPUT]?.exports ?? [];
  if (!exports.includes('default')) {
    const found = exports.length > 0 ? ` (it exports ${exports.join(', ')})` : '';
    throw new MeshError(
      'MESH_BAD_FUNCTION',
      `${shown} has no default export${found}; write: export default function ({ rng }) { … }`,
    );
  }
  return {
    program: outputFiles.find(({ path }) => path.endsWith(OUTPUT))?.contents ?? new Uint8Array(),
    sources: namedSources(outputFiles.find(({ path }) => path.endsWith('.map'))?.text),
    name: basename(file, extname(file)),
    warnings: await impurities(options, shown),
    builtins: builtinsOf(metafile),
  };
}

/** Bundles a module that is given as a text, with what it imports. */
export async function bundleText(contents: string): Promise<Uint8Array> {
  const stdin = { contents, resolveDir: process.cwd(), loader: 'js' as const };
  const { outputFiles } = await build({ ...OPTIONS, stdin, banner: { js: BANNER } });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

/** The map with a scheme before each file's name, so that no machine's folder is put there. */
function namedSources(text = '{"sources":[]}'): Uint8Array {
  const map = JSON.parse(text) as { sources: string[] };
  const sources = map.sources.map((name) => `${SOURCE_SCHEME}${name}`);
  return new TextEncoder().encode(JSON.stringify({ ...map, sources }));
}

async function mustBeFile(file: string, shown: string): Promise<void> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'no such file' : (error.code ?? error.message);
    throw new MeshError('MESH_NO_FILE', `${shown}: ${why}`, { cause: error });
  });
  if (!found.isFile()) {
    throw new MeshError('MESH_NO_FILE', `${shown} is no file; name the file of the function`);
  }
}

async function orExplain<T>(building: Promise<T>): Promise<T> {
  try {
    return await building;
  } catch (error) {
    const [first] = (error as Partial<BuildFailure>).errors ?? [];
    const text = first === undefined ? String(error) : explained(first);
    throw new MeshError('MESH_BAD_FUNCTION', text, { cause: error });
  }
}

function explained(message: Message): string {
  const { location } = message;
  if (location === null) return message.text;
  const { file, line, column, lineText } = location;
  const place = `${file}:${line}:${column + 1}`;
  const missing = /^Could not resolve "([^"]+)"/.exec(message.text)?.[1];
  if (missing !== undefined) {
    const advice = /^[./]/.test(missing)
      ? 'no such file'
      : `package not found; install it beside the file (npm install ${packageOf(missing)})`;
    return `${place}: cannot import "${missing}": ${advice}`;
  }
  const native = /^No loader is configured for "\.node" files: (.*)$/.exec(message.text)?.[1];
  if (native !== undefined) {
    return `${place}: ${native} is a native module, which cannot travel; use one in JS or wasm`;
  }
  // Tabs stay, so that the caret stands below its character.
  const indent = lineText.slice(0, column).replace(/[^\t]/g, ' ');
  return `${place}: ${message.text}\n${lineText}\n${indent}^`;
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Looks at the user's own code alone, without its comments: packages often read the clock. */
async function impurities(options: BuildOptions, shown: string): Promise<string[]> {
  const { outputFiles = [] } = await build({ ...options, write: false, packages: 'external' });
  const code = outputFiles[0]?.text ?? '';
  const lines = IMPURE.filter(([pattern]) => pattern.test(code)).map(
    ([, what]) => `${shown} uses ${what}: its result must not depend on it`,
  );
  if (/new URL\([^)]*,import\.meta\.url\)/.test(code)) {
    lines.push(`${shown} names a file beside it by import.meta.url: that file does not travel`);
  }
  return lines;
}

function builtinsOf(metafile: Metafile | undefined): string[] {
  const known = new Set(builtinModules.map((name) => `node:${name.replace(/^node:/, '')}`));
  const found = new Set<string>();
  for (const { imports } of Object.values(metafile?.inputs ?? {})) {
    for (const { path, external } of imports) {
      const name = path.startsWith('node:') ? path : `node:${path}`;
      if (external === true && known.has(name)) found.add(name);
    }
  }
  return [...found].sort();
}
