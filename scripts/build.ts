// Builds dist from src with the compiler, from an empty folder, makes the entry runnable, and puts
// the program, and what an executor is made of, into few files: finding hundreds of them took a
// third of a command's start, and half of an executor's.
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { type BuildOptions, build, type Plugin, transform } from 'esbuild';

/** The process that evaluates, and its second thread; what commands need comes when it is asked. */
const OF_EXECUTORS = ['executor-child', 'executor-warden'];
const CLI = 'dist/cli';
/** Files of the program that the program's own text does not become a part of. */
const ENTRIES = ['meshd.cjs', 'load.cjs', 'main.js'];

const OPTIONS: BuildOptions = {
  ...{ bundle: true, splitting: true, packages: 'external', allowOverwrite: true },
  ...{ format: 'esm', platform: 'node', target: 'node22', logLevel: 'warning' },
};

/** Modules look for files beside them: each goes on as if it were where it was. */
function inPlaceOf(folder: string): Plugin {
  const load = async ({ path }: { path: string }) => {
    const text = readFileSync(path, 'utf8');
    if (!text.includes('import.meta.url')) return undefined;
    const place = JSON.stringify(relative(folder, path).replaceAll('\\', '/'));
    const banner = `const ownPlace = new URL(${place}, import.meta.url).href;`;
    const { code } = await transform(text, { banner, define: { 'import.meta.url': 'ownPlace' } });
    return { contents: code, loader: 'js' as const };
  };
  return { name: 'in-place', setup: ({ onLoad }) => onLoad({ filter: /[\\/]dist[\\/]/ }, load) };
}

rmSync('dist', { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], {
  stdio: 'inherit',
});
for (const name of OF_EXECUTORS) {
  await build({ ...OPTIONS, entryPoints: [`dist/work/${name}.js`], outdir: 'dist/work' });
}
await build({
  ...{ ...OPTIONS, entryPoints: [join(CLI, 'main.js')], outdir: CLI, chunkNames: 'part-[hash]' },
  plugins: [inPlaceOf(resolve(CLI))],
});
for (const name of readdirSync(CLI)) {
  const isKept = ENTRIES.includes(name) || /^part-.*\.js$/.test(name);
  if (!isKept) rmSync(join(CLI, name), { recursive: true });
}
chmodSync(join(CLI, 'meshd.cjs'), 0o755);
