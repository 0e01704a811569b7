import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { MeshError } from '../core/mesh-error.ts';

/** The header that a request shows its token in. */
export const TOKEN_HEADER = 'x-meshd-token';

const FORM = /^[0-9a-f]{64}$/;
const { O_CREAT, O_NOFOLLOW = 0, O_RDWR } = constants;

/** Where the token of a home is: readable for its user alone, and in no sandbox. */
export function tokenFile(home: string): string {
  return join(home, 'control-token');
}

/**
 * The token of a home: 256 random bits, in hexadecimal. It is made when a peer first asks for it,
 * and kept from then on.
 * @throws Error of the file system.
 */
export function makeToken(home: string): string {
  const file = openSync(tokenFile(home), O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    const kept = readFileSync(file, 'utf8').trimEnd();
    const isPrivate = process.platform === 'win32' || (fstatSync(file).mode & 0o077) === 0;
    if (FORM.test(kept) && isPrivate) return kept;
    // Whatever others could read is no secret any more.
    chmodSync(tokenFile(home), 0o600);
    const token = randomBytes(32).toString('hex');
    ftruncateSync(file);
    writeSync(file, `${token}\n`, 0);
    return token;
  } finally {
    closeSync(file);
  }
}

/**
 * Puts the token of a running peer back where its home has another one, or none: somebody removed
 * it, and no command would reach the peer. Says whether it did. The file is a new one, never what a
 * link there leads to.
 */
export function restoreToken(home: string, token: string): boolean {
  const file = tokenFile(home);
  try {
    if (keptIn(file) === token) return false;
    rmSync(file, { force: true });
    writeFileSync(file, `${token}\n`, { mode: 0o600, flag: 'wx' });
    return true;
  } catch {
    // The home itself is gone, or its disk is full: the request is refused as any other.
    return false;
  }
}

function keptIn(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trimEnd();
  } catch {
    return null;
  }
}

/**
 * The token of a home for who asks its peer something; empty where there is none, since a peer of
 * an older version asks for none.
 * @throws MeshError MESH_HOME_UNUSABLE when this user may not read it.
 */
export function readToken(home: string): string {
  try {
    const token = readFileSync(tokenFile(home), 'utf8').trimEnd();
    return FORM.test(token) ? token : '';
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return '';
    const text = `${home}: its control token cannot be read (${message})`;
    throw new MeshError('MESH_HOME_UNUSABLE', text, { cause });
  }
}

/** Says whether what a request showed is the token. It takes as long for any wrong one. */
export function isToken(token: string, shown: unknown): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(token), hash(typeof shown === 'string' ? shown : ''));
}

/** The refusal of a request without the home's token. restored: it was not there. */
export function noToken(home: string, restored: boolean): MeshError {
  const again =
    `${tokenFile(home)} was gone, or not this peer’s; the peer has written it anew: give the ` +
    'command again';
  if (restored) return new MeshError('MESH_HOME_UNUSABLE', again);
  const text =
    `the request did not show the token in ${tokenFile(home)}: only programs of this version, ` +
    'run by the user whose home it is, may ask its peer';
  return new MeshError('MESH_HOME_UNUSABLE', text);
}
