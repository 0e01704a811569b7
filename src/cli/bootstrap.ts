import { readFileSync } from 'node:fs';
import { MeshError } from '../core/mesh-error.ts';
import { decodeInvite } from '../node/invite.ts';

/** Where to find members of a mesh, and the secret that lets one in. */
export interface Bootstrap {
  readonly addresses: readonly string[];
  /** Absent when nothing gave one; then the home must have it. */
  readonly secret?: Uint8Array;
}

export interface BootstrapSources {
  /** Invites and multiaddrs. */
  readonly given: readonly string[];
  readonly secretFile?: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Reads what `join` was given. Without arguments MESHD_INVITE counts; the secret comes from the
 * invites, else from --secret-file, else from MESHD_SECRET.
 * @throws MeshError MESH_BAD_INVITE, MESH_USAGE, MESH_NO_FILE; MESH_OTHER_MESH when two secrets
 * differ.
 */
export function readBootstrap({ given, secretFile, env }: BootstrapSources): Bootstrap {
  const fromEnv = env['MESHD_INVITE'];
  const texts = given.length > 0 ? given : fromEnv ? [fromEnv] : [];
  const addresses: string[] = [];
  const secrets: Uint8Array[] = [];
  for (const text of texts) {
    if (text.startsWith('/')) {
      addresses.push(checkMultiaddr(text));
    } else if (text.startsWith('meshd')) {
      const invite = decodeInvite(text);
      addresses.push(...invite.addresses);
      secrets.push(invite.secret);
    } else {
      const shown = JSON.stringify(text.slice(0, 80));
      throw usage(`${shown} is neither an invite (meshd1…) nor a multiaddr (/ip4/…/tcp/…)`);
    }
  }
  if (secretFile !== undefined) secrets.push(secretFrom(readSecretFile(secretFile), secretFile));
  else if (secrets.length === 0 && env['MESHD_SECRET']) {
    secrets.push(secretFrom(env['MESHD_SECRET'], 'MESHD_SECRET'));
  }
  const [secret, ...others] = secrets;
  if (secret === undefined) return { addresses };
  if (others.some((other) => !Buffer.from(other).equals(secret))) {
    const text = 'the invites and secrets given are of different meshes: give those of one mesh';
    throw new MeshError('MESH_OTHER_MESH', text);
  }
  return { addresses: [...new Set(addresses)], secret };
}

function checkMultiaddr(text: string): string {
  const form = /^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d{1,5}(\/.+)?$/;
  if (form.test(text) && text.length <= 256) return text;
  throw usage(`${text.slice(0, 80)} is no TCP multiaddr such as /ip4/192.0.2.7/tcp/4001`);
}

function readSecretFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const text = `--secret-file ${path}: it cannot be read (${(cause as Error).message})`;
    throw new MeshError('MESH_NO_FILE', text, { cause });
  }
}

/** A secret as a home keeps it (base64url), as hexadecimal digits, or in an invite. */
function secretFrom(text: string, source: string): Uint8Array {
  const secret = text.trim();
  if (secret.startsWith('meshd')) return decodeInvite(secret).secret;
  if (/^[0-9a-fA-F]{64}$/.test(secret)) return Uint8Array.from(Buffer.from(secret, 'hex'));
  if (/^[A-Za-z0-9_-]{43}$/.test(secret)) return Uint8Array.from(Buffer.from(secret, 'base64url'));
  throw usage(`${source}: no secret there; give an invite, or the file mesh of a member’s home`);
}

function usage(message: string): MeshError {
  return new MeshError('MESH_USAGE', message);
}
