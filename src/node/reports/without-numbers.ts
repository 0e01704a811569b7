/** A message without what differs between two that are alike: its numbers. */
export function withoutNumbers(message: string): string {
  return message.replace(/\d+(\.\d+)?(e[+-]?\d+)?/g, '#');
}
