// Programs that people run over many files, beside a serial run of the same commands.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startBuilt } from '../e2e/built-command.ts';
import { type BuiltPeer, startBuiltPeer } from '../e2e/built-peer.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-programs-'));
  for (const name of ['in', 'mesh', 'serial']) mkdirSync(join(folder, name));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A test on a machine that has a program; else it is skipped, and that is said. */
function programTest(program: string, asked: string, says: RegExp): typeof test {
  const { stdout, stderr } = spawnSync(program, [asked]);
  const isThere = says.test(`${stdout}${stderr}`);
  if (!isThere) console.log(`without ${program}: what it makes on a mesh is not tried`);
  return test.skipIf(!isThere) as typeof test;
}

/** SHA-256 of each file of a folder. */
function filesOf(name: string): Record<string, string> {
  const at = join(folder, name);
  const entries = readdirSync(at)
    .sort()
    .map((file) => {
      const hash = createHash('sha256').update(readFileSync(join(at, file)));
      return [file, hash.digest('hex')] as const;
    });
  return Object.fromEntries(entries);
}

/**
 * Runs a command for each input on a mesh of three peers, and one after the other without one. TO
 * in it is where the outputs go.
 */
async function onBoth(command: string): Promise<void> {
  const inputs = readdirSync(join(folder, 'in')).sort();
  const peers: BuiltPeer[] = [];
  try {
    const first = await startBuiltPeer(join(folder, 'a'), ['start', '--slots', '1']);
    peers.push(first);
    for (const name of ['b', 'c']) {
      const how = ['join', first.invite, '--slots', '1'];
      peers.push(await startBuiltPeer(join(folder, name), how));
    }
    const place = { home: join(folder, 'a'), cwd: folder };
    const args = ['--summary', 'summary', '--', command.replace('TO', 'mesh'), ':::', ...inputs];
    expect((await startBuilt(['run', ...args], place).ended).code).toBe(0);
    const summary: unknown = JSON.parse(readFileSync(join(folder, 'summary'), 'utf8'));
    expect(summary).toMatchObject({ commands: inputs.length, succeeded: inputs.length });
    expect((summary as { peers: number }).peers).toBeGreaterThan(1);
  } finally {
    for (const { child } of peers) child.kill('SIGKILL');
  }
  for (const input of inputs) {
    const [name] = input.split('.');
    const line = command.replace('TO', 'serial').replaceAll('{.}', String(name));
    execFileSync('sh', ['-c', line.replaceAll('{}', input)], { cwd: folder, stdio: 'ignore' });
  }
  expect(Object.keys(filesOf('mesh'))).toHaveLength(inputs.length);
  expect(filesOf('mesh')).toEqual(filesOf('serial'));
}

/** Numbers that look random, the same each time: an even quicker generator of Numerical Recipes. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state >>> 24;
  }
}

programTest(
  'convert',
  '-version',
  /ImageMagick/,
)('ImageMagick makes of 200 images what it makes of them one after the other', async () => {
  const [width, height] = [96, 64];
  for (let k = 0; k < 200; k++) {
    const random = numbers(k);
    const pixels = Buffer.alloc(width * height * 3);
    for (let i = 0; i < pixels.length; i++) {
      pixels[i] = (i % (width * 3)) / 3 + (random.next().value & 63) + (k % 64);
    }
    const head = `P6 ${width} ${height} 255\n`;
    writeFileSync(join(folder, 'in', `${k}.ppm`), Buffer.concat([Buffer.from(head), pixels]));
  }
  await onBoth('convert in/{} -blur 0x2 -resize 50% -rotate 7 -strip TO/{.}.jpg');
});

test('compressors make of files of 100 MB what they make of them one after the other', async () => {
  // Of fewer the publisher would have done all before others may begin.
  for (let k = 0; k < 12; k++) {
    const file = openSync(join(folder, 'in', `${k}.txt`), 'w');
    const random = numbers(k);
    const words = Array.from({ length: 256 }, (_, word) => `word${word * word} `);
    const lines = Array.from({ length: 1000 }, () =>
      Array.from({ length: 40 }, () => words[random.next().value]).join(''),
    );
    for (let bytes = 0; bytes < 100_000_000; ) {
      const line = `${bytes} ${lines[(random.next().value << 2) % 1000]}\n`.repeat(64);
      bytes += writeSync(file, line);
    }
    closeSync(file);
  }
  await onBoth('case {} in [01]*) xz -T1 -1 -c in/{};; *) gzip -n -c in/{};; esac > TO/{.}.z');
});

/** A ball of some colour on a chequered plane. */
const scene = (k: number): string => `#version 3.7;
global_settings { assumed_gamma 1.0 }
camera { location <0, 2, -5> look_at <0, 1, 0> }
light_source { <10, 20, -10> rgb 1 }
plane { y, 0 pigment { checker rgb 0.9 rgb 0.3 } }
sphere { <${k / 8}, 1, ${k / 4}>, 1
  pigment { rgb <1, ${k / 10}, 0.1> } finish { reflection 0.3 phong 0.8 } }
`;

programTest(
  'povray',
  '--version',
  /POV-Ray/,
)('a ray tracer makes of ten scenes what it makes of them one after the other', async () => {
  for (let k = 0; k < 10; k++) writeFileSync(join(folder, 'in', `${k}.pov`), scene(k));
  // A bitmap: the other formats say when they were made.
  await onBoth('povray +Iin/{} +OTO/{.}.bmp +FB +W320 +H240 +A -D +WT1');
});
