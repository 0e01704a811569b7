import { describe, expect, test } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatPerSecond,
  formatRate,
  formatRelaying,
  formatSeconds,
  formatShare,
  visible,
} from '../../src/cli/format.ts';
import { nearest } from '../../src/cli/nearest.ts';
import {
  bytesPerSecond,
  durationMs,
  memorySize,
  share,
  tcpMultiaddr,
} from '../../src/cli/option-values.ts';
import { formatPairs, formatTable } from '../../src/cli/table.ts';

describe('figures for people', () => {
  test.each([
    [formatCount(0), '0'],
    [formatCount(1_234_567), '1 234 567'],
    [formatCount(12_345_678), '12.3M'],
    [formatPerSecond(0), '0/s'],
    [formatRelaying(null), 'as fast as it can'],
    [formatRelaying(0), 'nothing'],
    [formatRelaying(999), '999 B/s at most'],
    [formatRelaying(16_000), '16 kB/s at most'],
    [formatRelaying(2_500_000_000), '2.5 GB/s at most'],
    [formatPerSecond(0.25), '0.25/s'],
    [formatPerSecond(310.4), '310/s'],
    [formatPerSecond(1_234_567), '1.23M/s'],
    [formatShare(0.5), '50 %'],
    [formatShare(1), '100 %'],
    [formatShare(0.9998), '99.9 %'],
    [formatPerSecond(99_970), '100k/s'],
    [formatShare(0.0314159), '3.14 %'],
    [formatShare(2.5e-7), '2.5e-5 %'],
    [formatRate(0, 0, 0.003), '< 0.3 %'],
    [formatRate(0.1, 0.01, 0.2), '10 % ± 1 %'],
    [formatSeconds(0.44), '0.4 s'],
    [formatSeconds(59.4), '59 s'],
    [formatSeconds(185), '3 min 5 s'],
    [formatSeconds(7800), '2 h 10 min'],
    [formatSeconds(90_000), '1 d 1 h'],
    [formatBytes(512), '512 B'],
    [formatBytes(67_108_864), '64.0 MiB'],
  ])('%s is %s', (shown, expected) => {
    expect(shown).toBe(expected);
  });

  test('control characters of others cannot move the cursor', () => {
    expect(visible('a\u001b[2Jb\n')).toBe('a\ufffd[2Jb\ufffd');
  });

  test('a table is aligned, numbers at the right', () => {
    const columns = [
      { title: 'NAME', text: (row: { name: string }) => row.name },
      { title: 'N', text: (row: { n: number }) => String(row.n), right: true },
    ];
    const table = formatTable<{ name: string; n: number }>(columns, [
      { name: 'a', n: 1000 },
      { name: 'long-name', n: 7 },
    ]);
    expect(table).toBe('NAME          N\na          1000\nlong-name     7');
    expect(
      formatPairs([
        ['a', '1'],
        ['long', '2'],
        ['none', null],
      ]),
    ).toBe('a     1\nlong  2');
  });
});

describe('values of options', () => {
  test.each([
    ['0', 0],
    ['16kB', 16_000],
    ['5MB', 5_000_000],
    ['1.5MB/s', 1_500_000],
    ['1GB', 1_000_000_000],
    ['5000000', 5_000_000],
  ])('%s is a rate in bytes a second', (text, value) => {
    expect(bytesPerSecond(text)).toBe(value);
  });

  test.each(['', '5 MB', '5mb', '-1MB', '1e6', '15kB', '2000GB', '5MB/min'])(
    '%j is no rate',
    (text) => {
      expect(() => bytesPerSecond(text)).toThrow('16kB or more, such as 500kB or 5MB; or 0');
    },
  );

  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['1h30m', 5_400_000],
    ['1d', 86_400_000],
  ])('%s lasts %d ms', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  test.each(['', '5', '0s', '-1s', '1w', 's', '1h 30m'])('%j is no duration', (text) => {
    expect(() => durationMs(text)).toThrow('unit');
  });

  test.each([
    ['512MB', 512_000_000],
    ['128MB', 128_000_000],
    ['1.5GiB', 1_610_612_736],
    ['2TB', 2e12],
  ])('%s of memory is %d bytes', (text, bytes) => {
    expect(memorySize(text)).toBe(bytes);
  });

  test.each(['', '512', '512mb', '127MB', '64KiB', '100TiB', '-1GB', '1 GB'])(
    '%j is no memory limit',
    (text) => {
      expect(() => memorySize(text)).toThrow('unit');
    },
  );

  test('a share is a percentage or a fraction', () => {
    expect([share('1%'), share('0.01'), share('.5'), share('100%')]).toEqual([0.01, 0.01, 0.5, 1]);
    for (const text of ['0', '101%', '2', 'x', '1%%']) expect(() => share(text)).toThrow('share');
  });

  test('a multiaddr to listen on names a host and a TCP port', () => {
    for (const text of ['/ip4/127.0.0.1/tcp/0', '/ip6/::1/tcp/65535', '/dns4/a.example/tcp/1']) {
      expect(tcpMultiaddr(text)).toBe(text);
    }
    for (const text of [
      '/ip4/127.0.0.1',
      '/ip4/1.2.3/tcp/1',
      '/ip4/1.2.3.4/tcp/65536',
      '1.2.3.4',
    ]) {
      expect(() => tcpMultiaddr(text)).toThrow('multiaddr');
    }
  });
});

describe('did you mean', () => {
  const id = '3f2a'.repeat(16);

  test('a slip of a name or of an id finds it', () => {
    expect(nearest('boarding-scool', ['pi', 'boarding-school', id])).toBe('boarding-school');
    expect(nearest('3f2b3f2a3f', ['pi', id])).toBe('3f2a3f2a3f2a');
    expect(nearest('sirr', ['pi', 'sir'])).toBe('sir');
    expect(nearest('modle', ['pi', 'model'])).toBe('model');
    expect(nearest('midle', ['pi', 'model'])).toBeNull();
    expect(nearest('modell', ['pi', 'model'])).toBe('model');
  });

  test.each([
    ['pa', 'pi'],
    ['pie', 'pi'],
    ['pie', 'sir'],
    ['test', 'best-of'],
    ['job', 'pi'],
    ['mode', 'demo'],
    ['3f2b', id],
    ['fit', id],
  ])('a short word is no slip of another one: %s, %s', (word, other) => {
    expect(nearest(word, [other])).toBeNull();
  });

  test('a word that is like none finds none', () => {
    expect(nearest('influenza', ['pi', id])).toBeNull();
    expect(nearest('x', ['pi'])).toBeNull();
  });
});
