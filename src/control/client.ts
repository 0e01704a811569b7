import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createConnection } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MeshError } from '../core/mesh-error.ts';
import { fromFailure } from './failure.ts';
import { socketPath } from './home.ts';
import { request as httpRequest } from './http.ts';
import { RemoteMesh } from './remote-mesh.ts';
import { CONTROL_VERSION } from './routes.ts';
import { readToken, TOKEN_HEADER } from './token.ts';

/** Longest line of a stream: a value of 1 MiB, every character escaped, and its frame. */
const MAX_LINE_CHARS = 8_388_608;

interface Ask {
  readonly signal?: AbortSignal | undefined;
  readonly body?: Iterable<Uint8Array>;
}

/** Requests to the peer of one home. */
export interface ControlClient {
  /** One answer. @throws MeshError as the peer told it; MESH_NO_PEER when it is gone. */
  ask(method: 'GET' | 'POST', path: string, options?: Ask): Promise<unknown>;
  /** An NDJSON stream's lines. @throws likewise; also when the stream is cut. */
  lines(path: string, options?: Ask): AsyncIterable<unknown>;
}

/**
 * The mesh of the peer that runs on this home (absolute), or null when none runs there.
 * @throws MeshError MESH_HOME_UNUSABLE when this user may not use the home.
 */
export async function connectControl(home: string): Promise<RemoteMesh | null> {
  const path = socketPath(home);
  const socket = createConnection(path);
  try {
    await once(socket, 'connect');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (['ENOENT', 'ECONNREFUSED', 'ENOTSOCK', 'ENOTDIR'].includes(code ?? '')) return null;
    const text = `${home}: its control socket cannot be used (${message})`;
    throw new MeshError('MESH_HOME_UNUSABLE', text, { cause });
  } finally {
    socket.destroy();
  }
  if (readToken(home) === '') await askForToken(path, home);
  return new RemoteMesh(controlClient(path, home));
}

/** The token was removed while the peer runs: who asks without has it written anew. */
async function askForToken(path: string, home: string): Promise<void> {
  const response = await send(path, home, 'GET', 'status', {});
  response.resume();
  await once(response, 'close');
}

function controlClient(path: string, home: string): ControlClient {
  return {
    async ask(method, route, options = {}) {
      const response = await send(path, home, method, route, options);
      let text = '';
      try {
        for await (const chunk of response) text += chunk;
      } catch (cause) {
        throw gone(home, cause, options.signal);
      }
      const body = parse(text);
      if (response.statusCode !== 200) throw fromFailure(body);
      return body;
    },
    async *lines(route, options = {}) {
      const method = options.body === undefined ? 'GET' : 'POST';
      const response = await send(path, home, method, route, options);
      if (response.statusCode !== 200) {
        let text = '';
        for await (const chunk of response) text += chunk;
        throw fromFailure(parse(text));
      }
      try {
        // Not handed on to another generator: for each of a million lines that takes its time.
        for await (const values of valuesIn(response)) for (const value of values) yield value;
      } catch (cause) {
        throw cause instanceof MeshError ? cause : gone(home, cause, options.signal);
      } finally {
        response.destroy();
      }
    },
  };
}

async function send(
  path: string,
  home: string,
  method: string,
  route: string,
  { signal, body }: Ask,
): Promise<IncomingMessage> {
  signal?.throwIfAborted();
  const request = httpRequest({
    socketPath: path,
    // A connection that is kept for the next request may be closed while that one is on its way.
    agent: false,
    path: `/${CONTROL_VERSION}/${route}`,
    method,
    headers: { host: 'meshd', [TOKEN_HEADER]: readToken(home) },
    ...(signal ? { signal } : {}),
  });
  try {
    const answered = once(request, 'response');
    if (body === undefined) {
      request.end();
    } else {
      // A refusal may come before the whole body was sent; then the answer counts.
      const sent = pipeline(Readable.from(body), request);
      await Promise.race([sent, answered]).catch(() => undefined);
      sent.catch(() => undefined);
    }
    const [response] = (await answered) as [IncomingMessage];
    response.setEncoding('utf8');
    return response;
  } catch (cause) {
    throw gone(home, cause, signal);
  }
}

/** What the lines of each piece say, up to the one that ends them. */
async function* valuesIn(pieces: AsyncIterable<string>): AsyncGenerator<readonly unknown[]> {
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_CHARS) throw new Error('a line without end');
    const values = lines.map(parse);
    const last = values.at(-1);
    if (typeof last === 'object' && last !== null && ('end' in last || 'failure' in last)) {
      yield values.slice(0, -1);
      if ('failure' in last) throw fromFailure(last.failure);
      return;
    }
    yield values;
  }
  throw new Error(rest === '' ? 'the stream was cut' : 'the last line was cut');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MeshError('MESH_NO_PEER', 'the answer of this home’s peer was cut short', { cause });
  }
}

function gone(home: string, cause: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  return new MeshError(
    'MESH_NO_PEER',
    `the peer of ${home} gave no answer: it went away (the mesh goes on, and the same command ` +
      'continues from what is on disk), or too many clients ask it at once',
    { cause },
  );
}
