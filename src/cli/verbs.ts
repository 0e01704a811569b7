import { attach } from './attach.ts';
import { cancel } from './cancel.ts';
import { completion } from './completion.ts';
import { doctor } from './doctor.ts';
import { gc } from './gc.ts';
import { invite } from './invite.ts';
import { jobs } from './jobs.ts';
import { join } from './join.ts';
import { leave } from './leave.ts';
import { logs } from './logs.ts';
import { map } from './map.ts';
import { pause } from './pause.ts';
import { peers } from './peers.ts';
import { priority } from './priority.ts';
import { publish } from './publish.ts';
import { rerun } from './rerun.ts';
import { results } from './results.ts';
import { resume } from './resume.ts';
import { run } from './run.ts';
import { secret } from './secret.ts';
import { service } from './service.ts';
import { show } from './show.ts';
import { skip } from './skip.ts';
import { slots } from './slots.ts';
import { start } from './start.ts';
import { status } from './status.ts';
import { stop } from './stop.ts';
import { trust } from './trust.ts';
import type { Verb } from './verb.ts';
import { verify } from './verify.ts';

/** All commands, in the order of --help. */
export const VERBS: readonly Verb[] = [
  ...[start, join, stop, leave, invite, status, peers, slots, gc, secret, trust, service, doctor],
  ...[publish, map, run],
  ...[jobs, show, attach, results, cancel, pause, resume, priority, skip, rerun, logs, verify],
  completion,
];
