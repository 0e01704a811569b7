// Builds dist from src with the compiler, from an empty folder, makes the entry runnable, and puts
// what an executor is made of into one file each: of forty, finding them took half of its start.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { type BuildOptions, buildSync } from 'esbuild';

/** The process that evaluates, and its second thread; what commands need comes when it is asked. */
const OF_EXECUTORS = ['executor-child', 'executor-warden'];

const OPTIONS: BuildOptions = {
  ...{ bundle: true, splitting: true, packages: 'external', allowOverwrite: true },
  ...{ format: 'esm', platform: 'node', target: 'node22', logLevel: 'warning' },
};

rmSync('dist', { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], {
  stdio: 'inherit',
});
for (const name of OF_EXECUTORS) {
  buildSync({ ...OPTIONS, entryPoints: [`dist/work/${name}.js`], outdir: 'dist/work' });
}
const entry = 'dist/cli/meshd.cjs';
if (existsSync(entry)) chmodSync(entry, 0o755);
