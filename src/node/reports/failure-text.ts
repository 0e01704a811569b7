/** Kinds that say no more than the detail does. */
const PLAIN = new Set(['system', 'died']);

/** Why a candidate came to no outcome, in one line: `timeout: longer than 1 s`. */
export function failureText(kind: string, detail: string): string {
  const [line = ''] = detail.split('\n', 1);
  return PLAIN.has(kind) ? line : `${kind}: ${line}`;
}
