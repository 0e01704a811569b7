import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The command as it was built; MESHD_ENTRY names that of another build. */
export const ENTRY: string = resolve(process.env['MESHD_ENTRY'] ?? 'dist/cli/meshd.cjs');

const PEER = pathToFileURL(resolve(ENTRY, '../../node/peer.js')).href;

type PeerModule = typeof import('../../src/node/peer.ts');

/** The peer of that build: its executors start faster than those of the sources. */
export const startPeer: PeerModule['startPeer'] = ((await import(PEER)) as PeerModule).startPeer;
