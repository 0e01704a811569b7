import { runTool } from './run-tool.ts';

/** A network namespace: what a machine has of a network, apart from all other machines. */
export class Namespace {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** Makes a namespace; only its loopback is up. @throws Error when the name is taken. */
  static async create(name: string): Promise<Namespace> {
    const namespace = new Namespace(name);
    await runTool('ip', ['netns', 'add', name]);
    await namespace.ip('link', 'set', 'lo', 'up');
    return namespace;
  }

  /** What goes before a command line to run it inside; the process is the command itself. */
  get prefix(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name];
  }

  /** Runs `ip` on this namespace. */
  ip(...args: readonly string[]): Promise<string> {
    return runTool('ip', ['-n', this.name, ...args]);
  }

  /** Runs a tool inside. */
  run(tool: string, ...args: readonly string[]): Promise<string> {
    return runTool('ip', ['netns', 'exec', this.name, tool, ...args]);
  }

  /** Loads nftables rules, all or none. */
  async rules(text: string): Promise<void> {
    await runTool('ip', ['netns', 'exec', this.name, 'nft', '-f', '-'], `${text}\n`);
  }

  /** Sets a value below /proc/sys. */
  async set(key: string, value: string | number): Promise<void> {
    await this.run('sh', '-c', 'echo "$1" > "/proc/sys/$0"', key, `${value}`);
  }

  /** Processes that run inside, by pid. */
  async processes(): Promise<number[]> {
    const text = await runTool('ip', ['netns', 'pids', this.name]);
    return text.split('\n').filter(Boolean).map(Number);
  }

  /** Ends what runs inside, and removes the namespace with all its devices. */
  async remove(): Promise<void> {
    for (const pid of await this.processes()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended meanwhile.
      }
    }
    await runTool('ip', ['netns', 'delete', this.name]);
  }
}
