import { MeshError, type MeshErrorCode } from '../core/mesh-error.ts';

/** An error as it travels over the control socket. */
export interface Failure {
  readonly code: MeshErrorCode;
  readonly message: string;
}

const HTTP_STATUS: Readonly<Record<MeshErrorCode, number>> = {
  MESH_USAGE: 400,
  MESH_NO_FILE: 400,
  MESH_BAD_FUNCTION: 422,
  MESH_BAD_PARAMS: 422,
  MESH_BAD_INVITE: 400,
  MESH_OTHER_MESH: 409,
  MESH_NO_BOOTSTRAP: 502,
  MESH_NO_PEER: 503,
  MESH_REFUSED: 502,
  MESH_NOT_MEMBER: 409,
  MESH_HOME_IN_USE: 409,
  MESH_HOME_UNUSABLE: 500,
  MESH_PORT_IN_USE: 409,
  MESH_UNKNOWN_JOB: 404,
  MESH_AMBIGUOUS: 409,
  MESH_JOB_ENDED: 409,
  MESH_UNTRUSTED: 403,
  MESH_NOT_EVALUATED: 404,
  MESH_DISK_FULL: 507,
  MESH_STOPPED: 503,
  MESH_INTERNAL: 500,
};

/** The HTTP status that goes with a failure. */
export function httpStatus(failure: Failure): number {
  return HTTP_STATUS[failure.code];
}

/** What a client is told of an error: a TypeError is a wrong argument, the unknown is internal. */
export function toFailure(error: unknown): Failure {
  if (error instanceof MeshError) return { code: error.code, message: error.message };
  if (error instanceof TypeError) return { code: 'MESH_USAGE', message: error.message };
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'MESH_INTERNAL', message: `internal error: ${message}` };
}

/** The error that a failure stands for; an unknown code (of a newer peer) becomes internal. */
export function fromFailure(failure: unknown): MeshError {
  const { code, message } = (failure ?? {}) as Partial<Record<keyof Failure, unknown>>;
  if (typeof code !== 'string' || typeof message !== 'string') {
    return new MeshError('MESH_INTERNAL', 'the peer of this home gave an answer without form');
  }
  const known = Object.hasOwn(HTTP_STATUS, code) ? (code as MeshErrorCode) : 'MESH_INTERNAL';
  return new MeshError(known, message);
}
