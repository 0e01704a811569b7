import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hasBwrap, hasPermission } from '../why-no-bwrap.ts';
import { inputsOf, openBench, textsOf, type WorkBench } from './work-bench.ts';

let folder: string;
let bench: WorkBench;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-scratch-'));
  bench = await openBench({ folder });
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** What lies in the folders of executors. */
function left(): string[] {
  const [work = ''] = readdirSync(folder).filter((name) => name.startsWith('meshd-work-'));
  const all = readdirSync(join(folder, work, 'scratch'), { recursive: true, encoding: 'utf8' });
  return all.filter((name) => /scratch.+/.test(name));
}

test.runIf(hasPermission)('a held function writes to its scratch folder alone', async () => {
  const inputs = inputsOf(
    `import fs from 'node:fs';
     export default ({ index, scratch }) => {
       const found = fs.readdirSync(scratch);
       fs.writeFileSync((index === 1 ? '..' : scratch) + '/file', '');
       return found;
     };`,
    { sandbox: { tier: 'permission', net: false, reads: [], writes: [] } },
  );
  const told = bench.execute({ hi: 3 }, inputs);
  await told.ended;
  expect(textsOf(told.parts)).toEqual(['0:[]', '2:[]']);
  const detail =
    'the sandbox refuses FileSystemWrite of ../file: a candidate writes to its scratch';
  expect(told.failed).toMatchObject([
    { index: 1, failure: { kind: 'system', detail: expect.stringContaining(detail) } },
  ]);
  expect(left()).toEqual([]);
});

test.runIf(hasPermission)('a held function does not fill the disk by its ledger', async () => {
  const inputs = inputsOf(
    `import fs from 'node:fs';
     export default ({ index }) => {
       if (index === 1) fs.writeSync(4, Buffer.alloc(1e5), 0, 1e5, 100);
       for (const end = performance.now() + 5000; index === 1 && performance.now() < end; );
       return index;
     };`,
    { sandbox: { tier: 'permission', net: false, reads: [], writes: [] } },
  );
  const told = bench.execute({ hi: 3 }, inputs);
  await told.ended;
  expect(textsOf(told.parts)).toEqual(['0:0', '2:2']);
  expect(told.failed).toMatchObject([{ index: 1, failure: { kind: 'system' } }]);
});

test.each(['none', 'permission'] as const)(
  'a function that closes its ledger is ended at its time all the same: tier %s',
  async (tier) => {
    const inputs = inputsOf(
      `import fs from 'node:fs';
       export default ({ index }) => {
         if (index === 1) fs.closeSync(4);
         for (const end = performance.now() + 20000; index === 1 && performance.now() < end; );
         return index;
       };`,
      tier === 'none' ? {} : { sandbox: { tier, net: false, reads: [], writes: [] } },
    );
    const limits = { timeoutMs: 300, memoryBytes: null };
    const before = performance.now();
    const told = bench.execute({ hi: 3, limits }, inputs);
    await told.ended;
    // It would go on for twenty seconds.
    expect(performance.now() - before).toBeLessThan(15_000);
    expect(textsOf(told.parts)).toEqual(['0:0', '2:2']);
    expect(told.failed).toMatchObject([{ index: 1, failure: { kind: 'died' } }]);
  },
);

test('what a dead executor left in its scratch folder is removed', async () => {
  const inputs = inputsOf(
    `import fs from 'node:fs';
     export default ({ scratch }) => { fs.mkdirSync(scratch + '/a'); process.exit(1); };`,
  );
  const told = bench.execute({ hi: 1 }, inputs);
  await told.ended;
  expect(told.failed).toMatchObject([{ index: 0, failure: { kind: 'died' } }]);
  await expect.poll(left, { timeout: 5000 }).toEqual([]);
});

const SPEC = { environment: {}, tries: 1, timeoutMs: null, outputBytes: null, delayMs: 0 };

test('a link in the place of a scratch folder, or in it, is not followed', async () => {
  const kept = join(folder, 'kept');
  mkdirSync(kept);
  writeFileSync(join(kept, 'file'), '');
  const items = [
    'test "$TMPDIR" = "$MESHD_SCRATCH" && touch "$TMPDIR/a" && ls "$TMPDIR"',
    'ls "$TMPDIR"',
    `rmdir "$TMPDIR" && ln -s '${kept}' "$TMPDIR" && ls "$TMPDIR"`,
    'ls "$TMPDIR"',
    `ln -s '${kept}' "$TMPDIR/link"; mkdir "$TMPDIR/shut"; chmod 0 "$TMPDIR/shut"`,
    'ls "$TMPDIR"',
  ].map((command) => JSON.stringify({ command }));
  const inputs = inputsOf(JSON.stringify({ ...SPEC, directory: folder }), {
    ...{ commands: true, params: '{}', items: async (lo, hi) => items.slice(lo, hi) },
  });
  const told = bench.execute({ hi: items.length }, inputs);
  await told.ended;
  const values = textsOf(told.parts).map((text) => JSON.parse(text.slice(text.indexOf(':') + 1)));
  const shown = values.map(({ exit, stdout = '' }) => `${exit} ${stdout}`);
  expect(shown).toEqual(['0 a\n', '0 ', '0 file\n', '0 ', '0 ', '0 ']);
  expect(readdirSync(kept)).toEqual(['file']);
});

const FIND = `O=$(grep -o '/[^ ]*/outputs/[^ ]*' /proc/self/mountinfo | head -n 1); cd "$O"`;

test.runIf(hasBwrap)('a held command leaves nothing but its outputs beside them', async () => {
  const outputs = mkdtempSync(join(tmpdir(), 'meshd-outputs-'));
  const nest = 'for n in $(seq 40); do mkdir $D; cd $D; done';
  const items = [
    `D=$(printf 'd%.0s' $(seq 200)); ${FIND}; ${nest}; echo x; yes | head -c 300000`,
    `${FIND}; head -c 5000000 /dev/zero > fill; sleep 20`,
    'echo y',
  ].map((command) => JSON.stringify({ command }));
  const inputs = inputsOf(JSON.stringify({ ...SPEC, directory: '/tmp' }), {
    ...{ commands: true, params: '{}', items: async (lo, hi) => items.slice(lo, hi) },
    sandbox: { tier: 'bwrap', net: false, reads: [], writes: [] },
  });
  {
    await using own = await openBench({ outputs: join(outputs, 'outputs'), scratchBytes: 2e6 });
    const told = own.execute({ hi: items.length }, inputs);
    await told.ended;
    expect(told.failed).toMatchObject([{ index: 1, failure: { kind: 'system' } }]);
    expect(told.failed[0]?.failure.detail).toMatch(/scratch/);
  }
  const left = readdirSync(outputs, { recursive: true, encoding: 'utf8' });
  expect(left.filter((name) => !/^outputs(?:\/[0-9a-f]{16})?$/.test(name))).toEqual([
    expect.stringMatching(/^outputs\/[0-9a-f]{16}\/[0-9a-f]{16}-1\.stdout$/),
  ]);
  rmSync(outputs, { recursive: true });
});

/** How a function comes to a file without a name, in `file`. */
const WAYS = {
  'by the next descriptor': `const file = fs.openSync(scratch + '/file', 'w');`,
  'by one behind many that are free': `
    const open = Array.from({ length: 200 }, () => fs.openSync(scratch + '/file', 'w'));
    const file = open.pop();
    for (const other of open) fs.closeSync(other);`,
};

const ways = Object.entries(WAYS);
test.runIf(hasPermission).each(ways)(
  'a file that has no name any more counts, too: %s',
  async (...way) => {
    const place = mkdtempSync(join(folder, 'own-'));
    await using own = await openBench({ folder: place, scratchBytes: 2e6, stoppedMs: 1000 });
    const inputs = inputsOf(
      `import fs from 'node:fs';
     export default ({ index, scratch }) => {
       if (index !== 1) return index;
       ${way[1]}
       fs.unlinkSync(scratch + '/file');
       fs.writeSync(file, Buffer.alloc(3e6));
       for (const end = performance.now() + 5000; performance.now() < end; );
     };`,
      { sandbox: { tier: 'permission', net: false, reads: [], writes: [] } },
    );
    const told = own.execute({ hi: 3 }, inputs);
    await told.ended;
    expect(textsOf(told.parts)).toEqual(['0:0', '2:2']);
    const detail = 'more than 2 MB in its scratch folder';
    expect(told.failed).toMatchObject([{ index: 1, failure: { kind: 'system', detail } }]);
  },
);

test.runIf(hasBwrap)('a file that held commands removed and write to counts', async () => {
  const place = mkdtempSync(join(folder, 'own-'));
  await using own = await openBench({ folder: place, scratchBytes: 2e6, stoppedMs: 1000 });
  const removed =
    'exec 7>"$TMPDIR/file"; rm "$TMPDIR/file"; head -c 3000000 /dev/zero >&7; sleep 20';
  const items = ['echo a', removed, 'echo b'].map((command) => JSON.stringify({ command }));
  const inputs = inputsOf(JSON.stringify({ ...SPEC, directory: '/tmp' }), {
    ...{ commands: true, params: '{}', items: async (lo, hi) => items.slice(lo, hi) },
    sandbox: { tier: 'bwrap', net: false, reads: [], writes: [] },
  });
  const told = own.execute({ hi: items.length }, inputs);
  await told.ended;
  expect(textsOf(told.parts)).toHaveLength(2);
  const detail = 'more than 2 MB in its scratch folder';
  expect(told.failed).toMatchObject([{ index: 1, failure: { kind: 'system', detail } }]);
});
