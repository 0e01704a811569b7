import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLogLevel } from '../core/log-line.ts';
import type { LogOptions } from '../node/jobs/job-logs.ts';
import { LocalJob } from '../node/jobs/local-job.ts';
import type { Submitter } from '../node/jobs/submission.ts';
import type { Job, Mesh } from '../node/mesh.ts';
import { answerAdmission } from './admission-routes.ts';
import { malformed } from './byte-reader.ts';
import { LineWriter } from './line-writer.ts';
import { decodePublication } from './publication.ts';

/** What a client needs to know of a job to have a handle on it. */
export interface JobHandle {
  readonly id: string;
  readonly name: string;
  readonly computation: string;
  readonly seed: number;
}

/** A request, and what it waits for. */
export interface ControlRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** Resolves once the peer has ended: then its home is free. */
  readonly over: Promise<void>;
}

/** Version of this API: the first part of every path. */
export const CONTROL_VERSION = 'v1';

/**
 * Answers one request. Streams are NDJSON and end with `{"end":true}`, so that a cut one shows.
 * @throws whatever the mesh throws; the caller tells the client.
 */
export async function answer(mesh: Mesh & Submitter, wanted: ControlRequest): Promise<void> {
  const { request, response, signal, over } = wanted;
  const url = new URL(request.url ?? '/', 'http://meshd');
  const parts = url.pathname.slice(1).split('/').map(decodePart);
  const [version, what, reference, action] = parts;
  if (version !== CONTROL_VERSION || parts.length > 4) throw unknownRoute(request);
  const route = `${request.method} ${what}`;
  if (reference !== undefined) {
    if (what !== 'jobs') throw unknownRoute(request);
    const job = await mesh.job(reference);
    if (action === undefined) return json(response, handleOf(job));
    return answerJob(job, `${request.method} ${action}`, url.searchParams, response, signal);
  }
  switch (route) {
    case 'GET status':
      return json(response, await mesh.status());
    case 'GET jobs':
      return json(response, await mesh.jobs());
    case 'GET peers':
      return json(response, await mesh.peers());
    case 'GET invite':
      return json(response, await mesh.invite());
    case 'POST recall': {
      const before = url.searchParams.has('before') ? numberOf(url.searchParams, 'before') : null;
      const options = { signal, ...(before === null ? {} : { before }) };
      return stream(response, mesh.recall(await decodePublication(request), options));
    }
    case 'POST jobs':
      return publish(mesh, request, response, signal);
    case 'POST slots':
      return json(response, await mesh.slots(numberOf(url.searchParams, 'value')));
    case 'POST gc':
      return json(response, await mesh.gc(numberOf(url.searchParams, 'max')));
    case 'POST stop':
      await mesh.stop({ mesh: url.searchParams.has('mesh') });
      await over;
      return json(response, null);
    case 'POST leave':
      await mesh.leave();
      await over;
      return json(response, null);
    default: {
      const answered = await answerAdmission(mesh.admission, route, url.searchParams);
      if (answered === undefined) throw unknownRoute(request);
      return json(response, answered);
    }
  }
}

async function answerJob(
  job: Job,
  route: string,
  query: URLSearchParams,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  switch (route) {
    case 'GET results': {
      const options = { signal, follow: query.has('follow'), asKnown: query.has('asKnown') };
      if (!(job instanceof LocalJob)) return stream(response, job.results(options));
      return stream(response, job.resultTexts(options), String);
    }
    case 'GET output':
      return stream(response, job.output({ signal }));
    case 'GET progress':
      return stream(response, job.progress({ signal }));
    case 'GET logs':
      return stream(response, job.logs({ ...logOptions(query), signal }));
    case 'GET done':
      return json(response, await job.done({ signal }));
    case 'GET summary':
      return json(response, await job.summary());
    case 'GET show':
      return json(response, await job.show());
    case 'POST cancel':
      return json(response, await job.cancel({ wait: query.has('wait') }));
    case 'POST pause':
      return json(response, await job.pause());
    case 'POST resume':
      return json(response, await job.resume());
    case 'POST priority':
      return json(response, await job.priority(numberOf(query, 'value')));
    case 'POST skip':
      return json(response, await job.skip(numberOf(query, 'index')));
    case 'POST rerun':
      return json(response, await job.rerun(numberOf(query, 'index'), { signal }));
    case 'GET trace':
      return stream(response, job.trace(numberOf(query, 'index'), { signal }));
    case 'POST verify':
      return json(response, await job.verify({ signal, sample: numberOf(query, 'sample') }));
    default:
      throw malformed(`no such request: ${route}`);
  }
}

async function publish(
  mesh: Submitter,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const submission = await decodePublication(request);
  const warnings: string[] = [];
  const onWarning = (line: string): void => void warnings.push(line);
  const job = await mesh.submit(submission, { signal, onWarning });
  json(response, { ...handleOf(job), warnings });
}

/** text: makes lines of what comes, without the last line feed. */
async function stream(
  response: ServerResponse,
  lines: AsyncIterable<unknown>,
  text: (line: unknown) => string = JSON.stringify,
): Promise<void> {
  const writer = new LineWriter(response);
  for await (const line of lines) {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const full = writer.write(text(line));
    if (full !== undefined) await full;
    if (response.destroyed) return;
  }
  await writer.write('{"end":true}');
  await writer.flush();
  response.end();
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body ?? null)}\n`);
}

function handleOf({ id, name, computation, seed }: Job): JobHandle {
  return { id, name, computation, seed };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw malformed('its path is not UTF-8');
  }
}

function numberOf(query: URLSearchParams, key: string): number {
  const text = query.get(key);
  const value = Number(text);
  if (text === null || text === '' || !Number.isFinite(value)) throw malformed(`no number: ${key}`);
  return value;
}

function logOptions(query: URLSearchParams): LogOptions {
  const level = query.get('level');
  const peer = query.get('peer');
  if (level !== null && !isLogLevel(level)) throw malformed(`no level: ${level}`);
  return {
    follow: query.has('follow'),
    ...(query.has('index') ? { index: numberOf(query, 'index') } : {}),
    ...(level === null ? {} : { level }),
    ...(peer === null ? {} : { peer }),
  };
}

function unknownRoute(request: IncomingMessage): Error {
  const asked = `${request.method} ${request.url}`;
  return malformed(`${asked} is unknown; does the running peer have another version of meshd?`);
}
