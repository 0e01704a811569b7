/** Why a dial failed. `answered`: somebody is there, but it is no member of this mesh. */
export type DialFault =
  | 'refused'
  | 'closed'
  | 'secret'
  | 'other-peer'
  | 'self'
  | 'silent'
  | 'name'
  | 'other';

const WORDS: Record<Exclude<DialFault, 'other'>, string> = {
  refused: 'refused the connection (nothing listens there)',
  closed: 'closed the connection at once (it is stopping, or no peer of a mesh)',
  secret: 'answered, but refused the mesh secret (it is of another mesh)',
  'other-peer': 'answered, but as another peer than the address names',
  self: 'is this peer itself',
  silent: 'did not answer in time',
  name: 'has a host name that is unknown',
};

/** Reads a failed dial: libp2p wraps and flattens what went wrong. */
export function dialFault(error: unknown): DialFault {
  if (error instanceof AggregateError) return dialFault(error.errors[0]);
  if (!(error instanceof Error)) return 'other';
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const text = `${error.name} ${code} ${error.message}`;
  if (/ECONNREFUSED/.test(text)) return 'refused';
  if (/dial(ed)?( to)? self/i.test(text)) return 'self';
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return 'name';
  if (/does not match expected|UnexpectedPeer/i.test(text)) return 'other-peer';
  if (/chacha20poly1305/.test(text)) return 'secret';
  if (/Timeout|Abort|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/i.test(text)) return 'silent';
  if (/ECONNRESET|EPIPE|Remote closed|stream.*closed|UnexpectedEOF/i.test(text)) return 'closed';
  return 'other';
}

/** The fault in words that follow the address. */
export function dialFaultText(error: unknown): string {
  const fault = dialFault(error);
  if (fault !== 'other') return WORDS[fault];
  const reason = error instanceof Error ? error.message : String(error);
  return `could not be joined: ${reason.split('\n')[0]}`;
}
