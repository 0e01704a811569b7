/** Why a dial failed. `answered`: somebody is there, but it is no member of this mesh. */
export type DialFault =
  | 'refused'
  | 'closed'
  | 'secret'
  | 'removed'
  | 'left-behind'
  | 'other-peer'
  | 'other-protocol'
  | 'relay'
  | 'self'
  | 'denied'
  | 'silent'
  | 'name'
  | 'other';

/** A fault that this side tells itself. The code is in the text: libp2p hands on nothing else. */
export function faultError(fault: DialFault, text: string): Error {
  return new Error(`${text} [meshd:${fault}]`);
}

const CODE = / ?\[meshd:([a-z-]+)\]/;

const WORDS: Record<Exclude<DialFault, 'other' | 'other-protocol'>, string> = {
  refused: 'refused the connection (nothing listens there)',
  closed: 'closed the connection at once (it is stopping, or no peer of a mesh)',
  secret: 'answered, but refused the mesh secret (it is of another mesh, or was rotated)',
  removed: 'removed this machine from the mesh: a new home can join by a new invite',
  'left-behind': 'has another mesh secret since a rotation: join by a new invite',
  'other-peer': 'answered, but as another peer than the address names',
  relay: 'leads through a relay that does not reach the peer now',
  self: 'is this peer itself',
  denied: 'is of, or leads through, a machine that was removed from the mesh',
  silent: 'did not answer in time',
  name: 'has a host name that is unknown',
};

/** Reads a failed dial: libp2p wraps and flattens what went wrong. */
export function dialFault(error: unknown): DialFault {
  if (error instanceof AggregateError) return dialFault(error.errors[0]);
  if (!(error instanceof Error)) return 'other';
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const text = `${error.name} ${code} ${error.message}`;
  const told = CODE.exec(error.message)?.[1];
  if (told !== undefined) return told as DialFault;
  if (/via relay|[Rr]eservation/.test(text)) return 'relay';
  if (/ECONNREFUSED/.test(text)) return 'refused';
  if (/dial(ed)?( to)? self/i.test(text)) return 'self';
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return 'name';
  if (/does not match expected|UnexpectedPeer/i.test(text)) return 'other-peer';
  // Without a secret in common, no encryption can be agreed on.
  if (/chacha20poly1305|protocol selection failed/i.test(text)) return 'secret';
  if (/Timeout|Abort|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/i.test(text)) return 'silent';
  if (/ECONNRESET|EPIPE|Remote closed|stream.*closed|UnexpectedEOF/i.test(text)) return 'closed';
  return 'other';
}

/** The fault in words that follow the address. */
export function dialFaultText(error: unknown): string {
  const fault = dialFault(error);
  if (fault !== 'other' && fault !== 'other-protocol') return WORDS[fault];
  const reason = error instanceof Error ? error.message : String(error);
  return `could not be joined: ${reason.split('\n')[0]?.replace(CODE, '')}`;
}
