import { decode, encode } from '../core/codec.ts';
import { check, list, text, tuple } from '../core/form.ts';
import type { PeerId } from '../core/ids.ts';
import type { Write } from '../store/store.ts';

/** Key of the local entry that lists the members and where they were reached. */
const MEMBERS_ENTRY = 'members';

/** Members kept. */
const MAX_MEMBERS = 4096;

const form = list(tuple(text(64, 1), list(text(256), 8)), MAX_MEMBERS);

/** The members of the last run. */
export function readMembers(
  locals: ReadonlyMap<string, Uint8Array>,
): Map<PeerId, readonly string[]> {
  const bytes = locals.get(MEMBERS_ENTRY);
  if (bytes === undefined) return new Map();
  const decoded = decode(bytes, 16_777_216);
  const members = 'value' in decoded ? check(form, decoded.value) : decoded;
  return new Map('value' in members ? members.value : []);
}

/** The write that keeps them. */
export function membersEntry(members: ReadonlyMap<PeerId, readonly string[]>): Write {
  const entries = [...members].slice(-MAX_MEMBERS).map(([peer, at]) => [peer, [...at].slice(0, 8)]);
  return { kind: 'local', key: MEMBERS_ENTRY, bytes: encode(entries) };
}
