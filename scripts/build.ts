// Builds dist from src with the compiler alone, from an empty folder, and makes the entry runnable.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], {
  stdio: 'inherit',
});
const entry = 'dist/cli/meshd.cjs';
if (existsSync(entry)) chmodSync(entry, 0o755);
