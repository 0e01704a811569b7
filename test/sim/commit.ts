import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/** What git says; empty without git or outside a repository. */
function git(...args: string[]): string {
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: [...stdio] }).trim();
  } catch {
    return '';
  }
}

/** The commit that this is, with a word when files differ from it; empty without git. */
export function commit(): string {
  const hash = git('rev-parse', '--short', 'HEAD');
  if (hash === '') return '';
  return `commit ${hash}${git('status', '--porcelain') === '' ? '' : ' (changed)'}`;
}

/** A seed that follows from the commit's hash, 1000 apart from those of others; 1 without git. */
export function seedOfCommit(): number {
  const number = Number.parseInt(git('rev-parse', 'HEAD').slice(0, 12), 16);
  return Number.isNaN(number) ? 1 : 1e6 + (number % 1e6) * 1000;
}
