import type { Host } from './host.ts';
import type { Lab } from './lab.ts';
import { Nat } from './nat.ts';

const NAME_COLUMNS = 14;

/** A lab as people draw it: a line for each machine, those behind a router below it. */
export function pictureOf(lab: Lab): string {
  const isPublic = ({ at }: Host): boolean => at.subnet === lab.public.subnet;
  const rows = lab.hosts
    .filter(isPublic)
    .flatMap((host) => [rowOf(host, ''), ...(host instanceof Nat ? behind(lab, host) : [])]);
  return [`${lab.name}, public network ${lab.public.subnet.text}`, ...rows].join('\n');
}

function behind(lab: Lab, { inside }: Nat): string[] {
  const hosts = lab.hosts.filter(({ at }) => at.subnet === inside.subnet);
  return hosts.map((host) => rowOf(host, '│  '));
}

function rowOf(host: Host, indent: string): string {
  const note = host instanceof Nat ? `   ${noteOf(host)}` : '';
  return `${indent}├─ ${host.name.padEnd(NAME_COLUMNS - indent.length)}${host.address}${note}`;
}

function noteOf({ onlyPorts, inside }: Nat): string {
  const out = onlyPorts === null ? '' : `; only TCP port ${onlyPorts.join(', ')} out`;
  return `router of ${inside.subnet.text}; nothing gets in${out}`;
}
