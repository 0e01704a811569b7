import { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Entrance, MAX_PENDING } from '../../src/net/entrance.ts';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** A socket of no connection that says where it comes from. */
function socketFrom(remoteAddress: string, remotePort = 4001): Socket {
  const socket = Object.defineProperties(new Socket(), {
    remoteAddress: { value: remoteAddress },
    remotePort: { value: remotePort },
  });
  sockets.push(socket);
  return socket;
}

/** Sockets of a member that are thrown out when so many others come after them. */
function thrownOut(member: string, flood: (k: number) => string): number {
  const entrance = new Entrance();
  const own = [1, 2].map((port) => socketFrom(member, port));
  for (const socket of own) entrance.came(socket);
  for (let k = 0; k < 2 * MAX_PENDING; k++) entrance.came(socketFrom(flood(k)));
  expect(entrance.pending).toBe(MAX_PENDING);
  return own.filter(({ destroyed }) => destroyed).length;
}

describe('a flood of sockets', () => {
  test('from many addresses of one IPv6 network throws itself out, and no member', () => {
    const ofNetwork = (k: number): string => `2001:db8:1:2:${(k + 1).toString(16)}::5`;
    expect(thrownOut('2001:db8:1:3::9', ofNetwork)).toBe(0);
    expect(thrownOut('192.0.2.7', ofNetwork)).toBe(0);
    expect(thrownOut('2001:db8:1:2::9', ofNetwork)).toBe(2);
  });

  test('is told apart by the network, however its addresses are written', () => {
    expect(thrownOut('::1', (k) => `0:0:1:0:${k}::`)).toBe(0);
    expect(thrownOut('::1', (k) => `::${k + 2}`)).toBe(2);
    expect(thrownOut('fe80::1%eth0', (k) => `fe80::${k + 2}%eth0`)).toBe(2);
  });

  test('from one IPv4 address throws out nobody of another one', () => {
    expect(thrownOut('192.0.2.7', () => '192.0.2.8')).toBe(0);
    expect(thrownOut('::ffff:192.0.2.7', () => '::ffff:192.0.2.8')).toBe(0);
    expect(thrownOut('::ffff:192.0.2.7', () => '192.0.2.7')).toBe(2);
  });
});
