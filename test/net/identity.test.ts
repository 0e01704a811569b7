import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadIdentity } from '../../src/net/identity.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'meshd-identity-'));
});
afterEach(async () => await rm(dir, { recursive: true }));

const TEXT = Buffer.from('a record');

describe('an identity', () => {
  test('is created once and is the same after each load', async () => {
    const first = await loadIdentity(join(dir, 'key'));
    const second = await loadIdentity(join(dir, 'key'));
    expect(second.peer).toBe(first.peer);
    expect(second.sign(TEXT)).toEqual(first.sign(TEXT));
    expect((await loadIdentity(join(dir, 'other'))).peer).not.toBe(first.peer);
  });

  test('is kept in files that only their owner can read, with nothing left beside them', async () => {
    await loadIdentity(join(dir, 'key'));
    expect((await stat(join(dir, 'key'))).mode & 0o777).toBe(0o700);
    const names = await readdir(join(dir, 'key'), { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile());
    expect(files.map(({ name }) => name)).toEqual(['key.pem']);
    for (const { parentPath, name } of files) {
      expect((await stat(join(parentPath, name))).mode & 0o777).toBe(0o600);
    }
  });

  test('is refused with its folder named when the key is damaged, and the file stays', async () => {
    await loadIdentity(join(dir, 'key'));
    const file = join(dir, 'key', 'key.pem');
    await writeFile(file, 'torn');
    await expect(loadIdentity(join(dir, 'key'))).rejects.toMatchObject({
      code: 'MESH_HOME_UNUSABLE',
      message:
        `the key file ${file} is damaged: ` +
        'put a copy of it back, or remove it, and this machine is a new peer',
    });
    expect(await readFile(file, 'utf8')).toBe('torn');
  });

  test('verifies what the named peer signed and nothing else', async () => {
    const [a, b] = await Promise.all([loadIdentity(join(dir, 'a')), loadIdentity(join(dir, 'b'))]);
    const signature = a.sign(TEXT);
    expect(b.verify(a.peer, TEXT, signature)).toBe(true);
    expect(b.verify(b.peer, TEXT, signature)).toBe(false);
    expect(b.verify(a.peer, Buffer.from('a recorD'), signature)).toBe(false);
    expect(
      b.verify(
        a.peer,
        TEXT,
        signature.map((byte) => byte ^ 1),
      ),
    ).toBe(false);
  });

  test.each([
    '',
    'nobody',
    'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    `12D3KooW${'1'.repeat(44)}`,
  ])('verifies nothing of %j, which is no Ed25519 peer', async (peer) => {
    const { sign, verify } = await loadIdentity(join(dir, 'a'));
    expect(verify(peer, TEXT, sign(TEXT))).toBe(false);
    expect(verify(peer, TEXT, new Uint8Array())).toBe(false);
  });
});
