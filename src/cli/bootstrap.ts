import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { MeshError } from '../core/mesh-error.ts';
import { compareSecrets, ringOf, type SecretRing } from '../net/secret-ring.ts';
import { decodeInvite } from '../node/admission/invite.ts';
import { readRing } from '../node/admission/ring-file.ts';

/** Longest text that is read as an invite, in characters; one has at most 4096. */
const MAX_TEXT_CHARS = 65_536;

/** Where to find members of a mesh, and the secret that lets one in. */
export interface Bootstrap {
  readonly addresses: readonly string[];
  /** Absent when nothing gave one; then the home must have it. */
  readonly secret?: Uint8Array;
  /** The name of a mesh that has rotated its secret, and how often it had. */
  readonly mesh?: string;
  readonly generation?: number;
}

export interface BootstrapSources {
  /** Invites, multiaddrs, or `-` for an invite on stdin. */
  readonly given: readonly string[];
  /** Files that hold an invite each. @default none */
  readonly inviteFiles?: readonly string[];
  readonly secretFile?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: Readable;
}

/**
 * Reads what `join` was given. Without arguments and files MESHD_INVITE counts; the secret comes
 * from the invites, else from --secret-file, else from MESHD_SECRET.
 * @throws MeshError MESH_BAD_INVITE, MESH_USAGE, MESH_NO_FILE; MESH_OTHER_MESH when two secrets
 * differ. None of them shows what could be a secret.
 */
export async function readBootstrap(sources: BootstrapSources): Promise<Bootstrap> {
  const { secretFile, env } = sources;
  const addresses: string[] = [];
  const secrets: SecretRing[] = [];
  for (const text of await textsOf(sources)) {
    if (text.startsWith('/')) {
      addresses.push(checkMultiaddr(text));
    } else if (text.startsWith('meshd')) {
      const { addresses: known, ...invite } = decodeInvite(text);
      addresses.push(...known);
      secrets.push(ringOf(invite.secret, invite.mesh, invite.generation));
    } else {
      throw usage(`${shown(text)} is neither an invite (meshd1…) nor a multiaddr (/ip4/…/tcp/…)`);
    }
  }
  if (secretFile !== undefined) {
    secrets.push(secretFrom(readText(secretFile, '--secret-file'), secretFile));
  } else if (secrets.length === 0 && env['MESHD_SECRET']) {
    secrets.push(secretFrom(env['MESHD_SECRET'], 'MESHD_SECRET'));
  }
  // Of several invites to one mesh, the one made last has the secret that is in use.
  const [ring] = secrets.toSorted((a, b) => compareSecrets(b.current, a.current));
  if (ring === undefined) return { addresses };
  if (secrets.some(({ mesh }) => mesh !== ring.mesh)) {
    const text = 'the invites and secrets given are of different meshes: give those of one mesh';
    throw new MeshError('MESH_OTHER_MESH', text);
  }
  const { generation, secret } = ring.current;
  const rotated = generation === 0 ? {} : { mesh: ring.mesh, generation };
  return { addresses: [...new Set(addresses)], secret, ...rotated };
}

async function textsOf({ given, inviteFiles = [], env, stdin }: BootstrapSources) {
  const texts: string[] = [];
  for (const text of given) texts.push(text === '-' ? await inviteOn(stdin) : text);
  for (const file of inviteFiles) texts.push(inviteIn(readText(file, '--invite-file'), file));
  const fromEnv = env['MESHD_INVITE'];
  return texts.length === 0 && fromEnv ? [fromEnv.trim()] : texts;
}

async function inviteOn(stdin: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stdin.setEncoding('utf8')) {
    text += chunk;
    if (text.length > MAX_TEXT_CHARS) break;
  }
  return inviteIn(text, 'stdin');
}

/** Of a file or stdin an invite alone is taken: anything else is likely the wrong file. */
function inviteIn(text: string, source: string): string {
  const invite = text.trim();
  if (invite.startsWith('meshd')) return invite;
  throw usage(`${source}: no invite there; put the line of \`meshd invite\` there`);
}

/** A host and port that was meant as a multiaddr; what may be part of a secret is not repeated. */
function shown(text: string): string {
  return /^[\w.-]{1,64}:\d{1,5}$/.test(text) ? JSON.stringify(text) : 'an argument';
}

function checkMultiaddr(text: string): string {
  const form = /^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d{1,5}(\/.+)?$/;
  if (form.test(text) && text.length <= 256) return text;
  throw usage(`${text.slice(0, 80)} is no TCP multiaddr such as /ip4/192.0.2.7/tcp/4001`);
}

function readText(path: string, option: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const text = `${option} ${path}: it cannot be read (${(cause as Error).message})`;
    throw new MeshError('MESH_NO_FILE', text, { cause });
  }
}

/** A secret as a home keeps it, as hexadecimal digits, or in an invite. */
function secretFrom(text: string, source: string): SecretRing {
  const secret = text.trim();
  if (secret.startsWith('meshd')) {
    const invite = decodeInvite(secret);
    return ringOf(invite.secret, invite.mesh, invite.generation);
  }
  if (/^[0-9a-fA-F]{64}$/.test(secret)) return ringOf(Uint8Array.from(Buffer.from(secret, 'hex')));
  const ring = readRing(secret);
  if (ring !== null) return ring;
  throw usage(`${source}: no secret there; give an invite, or the file mesh of a member’s home`);
}

function usage(message: string): MeshError {
  return new MeshError('MESH_USAGE', message);
}
