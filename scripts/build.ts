// Builds dist from src with the compiler, from an empty folder, makes the entry runnable, and puts
// the program, and what an executor is made of, into few files: finding hundreds of them took a
// third of a command's start, and half of an executor's.
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { transform } from 'esbuild';
import { build, type OutputOptions, type Plugin } from 'rolldown';

/** The process that evaluates, and its second thread; what commands need comes when it is asked. */
const OF_EXECUTORS = ['executor-child', 'executor-warden'];
const CLI = 'dist/cli';
/** Files of the program that the program's own text does not become a part of. */
const ENTRIES = ['meshd.cjs', 'load.cjs', 'main.js'];
const PART = 'part-[name]-[hash].js';

type Splitting = NonNullable<OutputOptions['codeSplitting']>;

/**
 * What is needed together is one file, with all that it imports: the words of the command line, a
 * peer, commands, the network. Other verbs have files of their own.
 */
const PARTS: Splitting = {
  groups: [
    { name: 'words', test: /cli[\\/]main\.js$/, priority: 4 },
    { name: 'peer', test: /(control[\\/](open|client)|node[\\/]peer)\.js$/, priority: 3 },
    { name: 'run', test: /commands[\\/]run-commands\.js$/, priority: 2 },
    { name: 'net', test: /net[\\/]libp2p-network\.js$/, priority: 1 },
  ],
};

/** Packages with compiled parts stay where they are installed. */
const COMPILED = /^(level|esbuild)$/;
const PACKAGE = /^.*[\\/]node_modules[\\/](@[^\\/]+[\\/])?[^\\/]+/;

/** Modules look for files beside them: each goes on as if it were where it was. */
function inPlaceOf(folder: string): Plugin {
  return {
    name: 'in-place',
    load: {
      filter: { id: { include: /[\\/]dist[\\/]/, exclude: /[\\/]node_modules[\\/]/ } },
      async handler(path) {
        const text = readFileSync(path, 'utf8');
        if (!text.includes('import.meta.url')) return null;
        const place = JSON.stringify(relative(folder, path).replaceAll('\\', '/'));
        const banner = `const ownPlace = new URL(${place}, import.meta.url).href;`;
        const define = { 'import.meta.url': 'ownPlace' };
        return (await transform(text, { banner, define })).code;
      },
    },
  };
}

/** Bundles a module in the folder that it is in. Returns the folders of packages taken in. */
async function bundle(
  folder: string,
  name: string,
  { codeSplitting = true, plugins = [] }: { codeSplitting?: Splitting; plugins?: Plugin[] } = {},
): Promise<string[]> {
  const { output: made } = await build({
    ...{ input: join(folder, `${name}.js`), platform: 'node', external: COMPILED, plugins },
    logLevel: 'warn',
    // What lists all verbs is one of them.
    checks: { ineffectiveDynamicImport: false },
    output: { dir: folder, chunkFileNames: PART, codeSplitting },
  });
  const modules = made.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
  return modules.flatMap((id) => PACKAGE.exec(id)?.[0] ?? []);
}

/** Writes down the terms of what was taken in: they are to go with it. */
function writeLicences(path: string, packages: readonly string[]): void {
  const texts = [...new Set(packages)].sort().map((from) => {
    const files = readdirSync(from).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name));
    const { name, version, license } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
    const terms = files.sort().map((file) => readFileSync(join(from, file), 'utf8').trim());
    return [`${name} ${version} (${license})`, ...terms].join('\n\n');
  });
  writeFileSync(path, `${texts.join('\n\n----\n\n')}\n`);
}

rmSync('dist', { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], {
  stdio: 'inherit',
});
const plugins = [inPlaceOf(resolve(CLI))];
const packages = await bundle(CLI, 'main', { codeSplitting: PARTS, plugins });
for (const name of OF_EXECUTORS) packages.push(...(await bundle('dist/work', name)));
writeLicences('dist/LICENCES', packages);
for (const name of readdirSync(CLI)) {
  const isKept = ENTRIES.includes(name) || /^part-.*\.js$/.test(name);
  if (!isKept) rmSync(join(CLI, name), { recursive: true });
}
chmodSync(join(CLI, 'meshd.cjs'), 0o755);
