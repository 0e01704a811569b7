import { Namespace } from './namespace.ts';
import { ownName } from './owner.ts';
import { runTool } from './run-tool.ts';

const TOOLS: readonly (readonly string[])[] = [
  ['ip', '-Version'],
  ['nft', '--version'],
  ['tc', '-Version'],
];

/** Why no lab can be made on this machine, in one line; null when one can. */
export async function whyNoLab(): Promise<string | null> {
  for (const [tool = '', ...args] of TOOLS) {
    try {
      await runTool(tool, args);
    } catch {
      return `no lab here: ${tool} is missing (Debian: apt install nftables iproute2)`;
    }
  }
  try {
    await tryOut();
    return null;
  } catch (error) {
    const [line = ''] = (error as Error).message.split('\n');
    return `no lab here: network namespaces are not permitted (${line}); run it as root`;
  }
}

/** Makes and removes a namespace with all that a lab needs of the kernel. */
async function tryOut(): Promise<void> {
  const namespace = await Namespace.create(`${ownName()}.try`);
  try {
    await namespace.ip('link', 'add', 'br0', 'type', 'bridge');
    await namespace.ip('link', 'add', 'name', 'a', 'type', 'veth', 'peer', 'name', 'b');
    await namespace.rules('table ip try {\n chain a {\n masquerade\n }\n}');
    await namespace.run(
      'tc',
      'qdisc',
      'add',
      'dev',
      'a',
      'root',
      'tbf',
      'rate',
      '1mbit',
      'burst',
      '64kb',
      'latency',
      '1ms',
    );
  } finally {
    await namespace.remove();
  }
}
