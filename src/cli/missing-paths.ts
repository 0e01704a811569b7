import { existsSync } from 'node:fs';
import { type Context, warn } from './context.ts';

/**
 * Warns of each path that an option opens and that is not there on this machine: it may be
 * mistyped, or on another machine.
 */
export function warnMissing(context: Context, option: string, paths: readonly string[] = []): void {
  for (const path of paths) {
    if (!existsSync(path)) warn(context, `${option} ${path}: there is nothing on this machine`);
  }
}
