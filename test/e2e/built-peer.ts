import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { ENTRY } from './built.ts';

/** A peer of a mesh in a process of its own. */
export interface BuiltPeer {
  readonly child: ChildProcess;
  readonly invite: string;
}

/** Starts the built peer on a home, on loopback: resolves at its ready line. */
export async function startBuiltPeer(home: string, how: readonly string[]): Promise<BuiltPeer> {
  const argv = [ENTRY, ...how, '--home', home, '--json', '--listen', '/ip4/127.0.0.1/tcp/0'];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  const [chunk] = (await once(child.stdout as Readable, 'data')) as [Buffer];
  return { child, invite: (JSON.parse(chunk.toString()) as { invite: string }).invite };
}
