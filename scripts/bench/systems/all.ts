import { bare } from './bare.ts';
import { bullmq } from './bullmq.ts';
import { make, parallel, shellLoop, xargs } from './commands.ts';
import { jetstream } from './jetstream.ts';
import { meshdOnePeer, meshdPeers } from './meshd.ts';
import { piscina } from './piscina.ts';
import { barePython, celery, dask, rq } from './python.ts';
import type { System } from './system.ts';

/** All systems, the bare loops first, in the order of a round. */
export const SYSTEMS: readonly System[] = [
  ...[bare, barePython, shellLoop, meshdOnePeer, meshdPeers, piscina, xargs, make, parallel],
  ...[bullmq, celery, rq, jetstream, dask],
];
