import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshError } from '../core/mesh-error.ts';
import type { Submitter } from '../node/jobs/submission.ts';
import type { Mesh } from '../node/mesh.ts';
import { httpStatus, toFailure } from './failure.ts';
import { HalfSent } from './half-sent.ts';
import { socketPath } from './home.ts';
import { createServer } from './http.ts';
import { answer, type ControlRequest } from './routes.ts';
import { isToken, makeToken, noToken, restoreToken, TOKEN_HEADER } from './token.ts';

/** A client that was just answered asks the next thing within this time, in ms. */
const NEXT_MS = 500;

/** The longest time in which nothing of a request comes, in ms. */
const STILL_MS = 10_000;
/** The longest time that the head of a request takes, and between two looks at that, in ms. */
const HEAD_MS = 10_000;
const HEAD_LOOK_MS = 1000;

export interface ControlOptions {
  readonly mesh: Mesh & Submitter;
  /** Absolute. */
  readonly home: string;
  /** Called when a client's request failed for a reason that is a fault of this program. */
  readonly onFault?: (error: unknown) => void;
  /** The longest time in which nothing of a request comes, in ms. @default 10 000 */
  readonly stillMs?: number;
}

/**
 * The local API of a peer: HTTP and JSON on the socket of its home, for this user alone: who shows
 * the token in the home. What runs in a sandbox cannot read that.
 */
export interface ControlServer {
  readonly path: string;
  /** Resolves once no client waits for anything. */
  idle(): Promise<void>;
  /** Ends all connections and frees the path; only now is `stop` answered, so call it last. */
  close(): Promise<void>;
}

/**
 * Serves a mesh to the commands on its home. A client that goes away ends its wait, never a job.
 * A socket that a killed peer left behind is replaced.
 * @throws MeshError MESH_HOME_IN_USE when another peer answers there.
 * @throws MeshError MESH_HOME_UNUSABLE when the socket cannot be made.
 */
export async function serveControl(options: ControlOptions): Promise<ControlServer> {
  const path = socketPath(options.home);
  const token = tokenOf(options.home);
  const farewells = new Set<Promise<unknown>>();
  const waits = new Set<Promise<unknown>>();
  const over = Promise.withResolvers<void>();
  let closing: Promise<void> | undefined;
  const halfSent = new HalfSent(options.stillMs ?? STILL_MS);
  // Of a whole request no time is asked: an upload takes what it takes, as long as it moves.
  const times = { requestTimeout: 0, headersTimeout: HEAD_MS };
  const watched = { ...times, connectionsCheckingInterval: HEAD_LOOK_MS };
  const server = createServer(watched, (request, response) => {
    halfSent.begin(request, response);
    const stop = new AbortController();
    response.on('close', () => stop.abort());
    const farewell = /\/(stop|leave)(\?|$)/.test(request.url ?? '');
    const wanted = { request, response, signal: stop.signal, over: over.promise };
    const call = serve(options, token, wanted).finally(() => waits.delete(call));
    if (farewell) farewells.add(call);
    else waits.add(call);
  });
  server.on('connection', (socket) => halfSent.add(socket));
  await bind(server, path, options.home);
  return {
    path,
    async idle() {
      while (waits.size > 0) {
        await Promise.allSettled(waits);
        await sleep(NEXT_MS);
      }
    },
    close() {
      closing ??= (async () => {
        over.resolve();
        await Promise.allSettled(farewells);
        const closed = once(server, 'close');
        server.close();
        server.closeAllConnections();
        halfSent.close();
        await closed;
      })();
      return closing;
    },
  };
}

async function serve(
  options: ControlOptions,
  token: string,
  wanted: ControlRequest,
): Promise<void> {
  const { request, response, signal } = wanted;
  try {
    if (!isToken(token, request.headers[TOKEN_HEADER])) {
      throw noToken(options.home, restoreToken(options.home, token));
    }
    await answer(options.mesh, wanted);
  } catch (error) {
    if (signal.aborted) return;
    const failure = toFailure(error);
    if (failure.code === 'MESH_INTERNAL') options.onFault?.(error);
    if (response.headersSent) {
      response.end(`${JSON.stringify({ failure })}\n`);
    } else {
      // The rest of a refused body is not read.
      response.writeHead(httpStatus(failure), {
        'content-type': 'application/json',
        connection: 'close',
      });
      response.end(`${JSON.stringify(failure)}\n`);
    }
  }
  if (!response.closed) await once(response, 'close');
}

function tokenOf(home: string): string {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    return makeToken(home);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const text = `${home}: no control token can be kept there (${why}): use another --home`;
    throw new MeshError('MESH_HOME_UNUSABLE', text, { cause });
  }
}

async function bind(server: Server, path: string, home: string): Promise<void> {
  const pipe = process.platform === 'win32';
  try {
    if (!pipe) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    try {
      await listen(server, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || pipe) throw error;
      if (await answers(path)) throw inUse(home);
      rmSync(path, { force: true });
      await listen(server, path);
    }
    if (!pipe) chmodSync(path, 0o600);
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw inUse(home);
    const text = `${home}: no control socket can be made there (${message}): use another --home`;
    throw new MeshError('MESH_HOME_UNUSABLE', text, { cause });
  }
}

/** The refusal of a second peer on a home. */
export function inUse(home: string): MeshError {
  const text = `a peer already runs on ${home}: see \`meshd status\`, or end it: \`meshd stop\``;
  return new MeshError('MESH_HOME_IN_USE', text);
}

async function listen(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, 'listening');
}

/** Whether somebody accepts connections there. */
async function answers(path: string): Promise<boolean> {
  const socket = createConnection(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    // A listener that is busy or belongs to somebody else is a listener all the same.
    const { code } = error as NodeJS.ErrnoException;
    return code !== 'ECONNREFUSED' && code !== 'ENOENT' && code !== 'ENOTSOCK';
  } finally {
    socket.destroy();
  }
}
