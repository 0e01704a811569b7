/** A text of at most `maxBytes` bytes in UTF-8, cut at its end; lone surrogates are replaced. */
export function clipText(text: string, maxBytes: number): string {
  const short = text.slice(0, maxBytes).toWellFormed();
  if (short.length * 3 <= maxBytes) return short;
  const bytes = new TextEncoder().encode(short);
  if (bytes.length <= maxBytes) return short;
  // `stream` leaves out a character that the cut would halve.
  return new TextDecoder().decode(bytes.subarray(0, maxBytes), { stream: true });
}
