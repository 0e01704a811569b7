import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, join, relative, resolve, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');

/** Rooms from the inside out: each may import those of a lower rank, and itself. */
const RANKS: Readonly<Record<string, number>> = {
  ...{ core: 0, files: 1, net: 2, store: 2, work: 2, logs: 2, node: 3, control: 4, cli: 5 },
};

interface Source {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

function sources(...folders: readonly string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:[cm]?ts|[cm]?js)$/.test(name) && !name.includes('node_modules'))
      .map((name) => {
        const path = relative(ROOT, join(ROOT, folder, name))
          .split(sep)
          .join('/');
        const text = readFileSync(join(ROOT, path), 'utf8');
        return { path, text, lines: text.split('\n') };
      }),
  );
}

/** The text without its comments, line by line. */
function code({ text }: Source): string {
  const blank = (comment: string): string => comment.replace(/[^\n]/g, '');
  return text.replace(/\/\*\*?[\s\S]*?\*\//g, blank).replace(/^\s*\/\/.*$/gm, blank);
}

const IMPORTS: readonly RegExp[] = [
  /^(?:import|export|\})[^'\n]* from '([^']+)'/gm,
  /^import '([^']+)'/gm,
  /\b(?:import|require)\('([^']+)'\)/g,
];

/** What a file imports, by name: packages and paths, types and dynamic imports included. */
function imports(source: Source): string[] {
  const text = code(source);
  return IMPORTS.flatMap((form) => [...text.matchAll(form)].map(([, name]) => name ?? ''));
}

/** The room of a path below src; the empty text for src/index.ts. */
function roomOf(path: string): string {
  const [, room, ...rest] = path.split('/');
  return rest.length === 0 ? '' : (room ?? '');
}

/** The paths that a source's relative imports name. */
function targets(source: Source): string[] {
  return imports(source)
    .filter((name) => name.startsWith('.'))
    .map((name) => join(source.path, '..', name).split(sep).join('/'))
    .map((name) => (source.path.endsWith('.cts') ? name.replace(/js$/, 'ts') : name));
}

/** Lines that match, each with its place. */
function hits(files: readonly Source[], pattern: RegExp): string[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, k) => (pattern.test(line) ? [`${path}:${k + 1} ${line.trim()}`] : [])),
  );
}

const SRC = sources('src');
const TEST = sources('test');
const SCRIPTS = sources('scripts');
const ALL = [...SRC, ...TEST, ...SCRIPTS];
const inRoom = (room: string): Source[] => SRC.filter(({ path }) => roomOf(path) === room);
/** This file names what it forbids. */
const OTHERS = ALL.filter(({ path }) => path !== 'test/tidy.test.ts');

test('the files that are checked are really there', () => {
  expect(SRC.length).toBeGreaterThan(120);
  expect(TEST.length).toBeGreaterThan(40);
  expect(SCRIPTS.length).toBeGreaterThan(2);
  for (const room of Object.keys(RANKS)) expect(inRoom(room).length).toBeGreaterThan(2);
  expect(SRC.flatMap(imports).length).toBeGreaterThan(500);
  expect(inRoom('net').flatMap(imports)).toContain('libp2p');
  expect(inRoom('store').flatMap(imports)).toContain('level');
  expect(SRC.flatMap(imports)).toContain('../../work/bundle.ts');
});

describe('rooms', () => {
  test('are those of ARCHITECTURE.md, and src/index.ts', () => {
    const rooms = new Set(SRC.map(({ path }) => roomOf(path)));
    expect([...rooms].sort()).toEqual(['', ...Object.keys(RANKS)].sort());
    expect(SRC.filter(({ path }) => roomOf(path) === '').map(({ path }) => path)).toEqual([
      'src/index.ts',
    ]);
  });

  test('import inwards only; net, store, work and logs never import one another', () => {
    const wrong = SRC.filter(({ path }) => roomOf(path) !== '').flatMap((source) => {
      const from = roomOf(source.path);
      return targets(source).filter((target) => {
        const to = roomOf(target);
        if (to === from) return false;
        return !target.startsWith('src/') || !((RANKS[to] ?? 9) < (RANKS[from] ?? -1));
      });
    });
    expect(wrong).toEqual([]);
  });

  test('src/index.ts takes values from control and core, and types from anywhere', () => {
    const index = SRC.find(({ path }) => path === 'src/index.ts');
    const values = (index?.text ?? '')
      .split(';')
      .filter((line) => !/export type\b/.test(line))
      .flatMap((line) => [...line.matchAll(/from '([^']+)'/g)].map(([, name]) => name ?? ''));
    expect(values.length).toBeGreaterThan(1);
    for (const name of values) expect(name).toMatch(/^\.\/(?:control|node|core)\//);
  });

  test('a relative import ends in .ts and leads to a file', () => {
    const known = new Set(ALL.map(({ path }) => path));
    const lost = SRC.flatMap((source) =>
      targets(source)
        .filter((target) => !known.has(target))
        .map((target) => `${source.path}: ${target}`),
    );
    expect(lost).toEqual([]);
  });
});

describe('core', () => {
  test('imports nothing but itself and cborg', () => {
    const foreign = inRoom('core')
      .flatMap((source) => imports(source))
      .filter((name) => !name.startsWith('./'));
    expect(new Set(foreign)).toEqual(new Set(['cborg']));
  });

  test('knows no clock, no random, no timer, no promise, no console and no globals of Node', () => {
    const forbidden = [
      ...[/\bDate\b/, /\bMath\.random\b/, /\bperformance\b/, /\bcrypto\b/, /\bprocess[.[]/],
      ...[/\basync\b/, /\bawait\b/, /\bPromise\b/, /\bset(?:Timeout|Interval|Immediate)\b/],
      ...[/\bqueueMicrotask\b/, /\bconsole\b/, /\bBuffer\b/, /\bglobalThis\b/],
    ];
    const bare = inRoom('core').map((source) => {
      const text = code(source).replace(/'[^'\n]*'/g, "''");
      return { ...source, text, lines: text.split('\n') };
    });
    for (const word of forbidden) expect(hits(bare, word)).toEqual([]);
  });

  test('and what a candidate sees need no Node', () => {
    const seen = SRC.filter(({ path }) => path.startsWith('src/work/candidate/'));
    expect(seen.length).toBeGreaterThan(5);
    expect(seen.flatMap(imports).filter((name) => name.startsWith('node:'))).toEqual([]);
  });
});

describe('packages', () => {
  const users = (pattern: RegExp): Set<string> => {
    const files = SRC.filter((source) => imports(source).some((name) => pattern.test(name)));
    return new Set(files.map(({ path }) => roomOf(path)));
  };

  test('only net imports libp2p, only store imports level', () => {
    expect(users(/^(?:@?libp2p|@chainsafe\/|@multiformats\/|multiformats)/)).toEqual(
      new Set(['net']),
    );
    expect(users(/^(?:classic-|abstract-|memory-)?level$/)).toEqual(new Set(['store']));
  });

  test('only cli imports commander and reads the command line', () => {
    expect(users(/^commander$/)).toEqual(new Set(['cli']));
    const readers = SRC.filter((source) => /\bprocess\.argv\b/.test(code(source)));
    const paths = readers.map(({ path }) => path);
    // An executor is told there by its own peer which one that is: no command line of a person.
    const people = paths.filter((path) => path !== 'src/work/executor-child.ts');
    expect(people.length).toBeGreaterThan(1);
    expect(new Set(people.map(roomOf))).toEqual(new Set(['cli']));
  });

  test('every package that src imports is a dependency', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const packages = SRC.flatMap(imports)
      .filter((name) => /^@?[a-z]/.test(name) && !isBuiltin(name))
      .map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
    const unknown = packages.filter((name) => manifest.dependencies[name] === undefined);
    expect(unknown).toEqual([]);
    expect(new Set(packages).size).toBeGreaterThan(10);
  });
});

describe('files', () => {
  test('have no more than 400 lines of no more than 100 columns', () => {
    const long = ALL.filter(({ lines }) => lines.length > 401).map(({ path }) => path);
    expect(long).toEqual([]);
    expect(hits([...SRC, ...SCRIPTS], /^.{101,}$/u)).toEqual([]);
    // The formatter breaks no title of a test, no other text and no regular expression.
    expect(hits(TEST, /^(?!\s*\/[^/*])[^'"`]{101,}$/u)).toEqual([]);
  });

  test('have names in kebab case, none of them a heap of odds and ends', () => {
    for (const { path } of ALL) {
      expect(basename(path)).toMatch(
        /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.d|\.config)?\.[cm]?[tj]s$/,
      );
      expect(path).not.toMatch(/\b(?:utils?|helpers?|misc|common|shared)\b/);
    }
  });

  test('of src lie at most two folders deep', () => {
    for (const { path } of SRC) expect(path.split('/').length).toBeLessThanOrEqual(4);
  });

  test('have no default exports, enums, namespaces or assertions that something is there', () => {
    const code = [...SRC, ...SCRIPTS].filter(({ path }) => path.endsWith('ts'));
    expect(
      hits(code, /^export default\b|^(?:export )?(?:const )?enum\b|^(?:export )?namespace\b/),
    ).toEqual([]);
  });
});

describe('words', () => {
  test('nothing is left to do', () => {
    expect(hits(OTHERS, /\b(?:TODO|FIXME|XXX|HACK)\b/)).toEqual([]);
  });

  test('no path of a machine, no registry host and no outside address is in src', () => {
    expect(hits(SRC, /(?<![\w.]|--home )\/(?:work|tmp|home|root|Users)\//)).toEqual([]);
    expect(hits([...SRC, ...SCRIPTS], /registry\.|npmjs|yarnpkg|pypi\./)).toEqual([]);
  });

  test('no synonym of a word of the design names a peer', () => {
    expect(hits(inRoom('core'), /\b(?:worker|master|coordinator|leader|replica)s?\b/i)).toEqual([]);
  });
});

describe('tests', () => {
  const tests = OTHERS.filter(({ path }) => path.startsWith('test/'));

  test('run all, once: none alone, left out, or tried again', () => {
    expect(hits(tests, /\b(?:describe|test|it)\.(?:only|skip|todo|fails)\b/)).toEqual([]);
    expect(hits(tests, /\bretry:|\.retry\(/)).toEqual([]);
  });

  test('bind 127.0.0.1 and no fixed port, but for the lab: its networks are its own', () => {
    const shared = tests.filter(({ path }) => !path.startsWith('test/lab/'));
    expect(hits(shared, /\blisten\(\s*[1-9]|\blisten\b.*\/tcp\/[1-9]/)).toEqual([]);
  });

  test('replace no code of ours by mocks', () => {
    expect(hits(tests, /\bvi\.mock\(|\bvi\.spyOn\(|jest\./)).toEqual([]);
  });
});
