import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Packages that executors import in a checkout; when built they are part of them. */
const PACKAGES = ['d3-random'] as const;

/** What an executor reads of this program: files and folders, some of which may not exist. */
export const OWN_CODE: readonly string[] = ownCode();

function ownCode(): string[] {
  // src in a checkout, dist when built.
  const sources = dirname(fileURLToPath(new URL('../../main', import.meta.url)));
  const root = dirname(sources);
  return [sources, join(root, 'package.json'), ...PACKAGES.flatMap((name) => placesOf(name, root))];
}

/** Where Node looks for a package, up to the folder that has it, and where that one really is. */
function placesOf(name: string, from: string): string[] {
  const places: string[] = [];
  for (let folder = from; ; folder = dirname(folder)) {
    const place = join(folder, 'node_modules', name);
    places.push(place);
    if (existsSync(place)) return [...new Set([...places, ...linkedFrom(place)])];
    if (folder === dirname(folder)) return places;
  }
}

/** Node reads links one by one on its way to the file itself. */
function linkedFrom(place: string): string[] {
  const above = dirname(place);
  return [...(lstatSync(above).isSymbolicLink() ? [above] : []), realpathSync(place)];
}
