import { execFile } from 'node:child_process';

/** What a tool of the system prints at most, in bytes. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/**
 * Runs a tool of the system (ip, nft, tc …) to its end and gives what it printed.
 * @throws Error that shows the command, what it was given and what it complained about.
 */
export function runTool(tool: string, args: readonly string[], input = ''): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { encoding: 'utf8', maxBuffer: MAX_OUTPUT_BYTES } as const;
  const child = execFile(tool, args, options, (error, stdout, stderr) => {
    if (error === null) return resolve(stdout);
    const given = input === '' ? '' : `\nwas given:\n${input}`;
    const complaint = stderr.trim() === '' ? error.message : stderr.trim();
    const command = [tool, ...args].join(' ');
    reject(new Error(`\`${command}\` failed: ${complaint}${given}`, { cause: error }));
  });
  // A tool that ends before it has read its input tells why by its exit.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  return promise;
}
