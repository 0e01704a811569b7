import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { Context } from '../../src/cli/context.ts';
import { fittedText, progressText, progressView, sparkline } from '../../src/cli/progress-view.ts';
import type { Progress } from '../../src/node/mesh.ts';

const RUNNING: Progress = {
  ...{ job: 'ab'.repeat(32), status: 'running', lines: 250, accepted: 312, target: 1000 },
  errors: 0,
  ...{ evaluated: 10_000, rate: 0.0312, rateError: 0.0017, rateUpper: 0.035 },
  ...{ perSecond: 1200, peers: 3, slots: 6, etaSeconds: 18, waitsFor: null },
};

function contextOf(stderr: PassThrough & { isTTY?: boolean; columns?: number }, json: boolean) {
  const io = { stdout: stderr, stderr, stdin: stderr, env: {}, onInterrupt: () => () => undefined };
  return { io, home: '/nowhere', homeWords: '', json } satisfies Context;
}

function written(stream: PassThrough): string {
  return String(stream.read() ?? '');
}

describe('progress', () => {
  test('a line says target, rate with its error, speed, peers, slots and ETA', () => {
    expect(progressText(RUNNING)).toBe(
      '312/1 000, 250 final, rate 3.12 % ± 0.17 %, 10 000 evaluated, 1.2k/s, 3 peers, 6 slots, ' +
        'ETA 18 s',
    );
  });

  test('while nothing was accepted it says below what the rate lies', () => {
    const none = {
      ...RUNNING,
      lines: 0,
      accepted: 0,
      rate: 0,
      rateUpper: 0.0003,
      etaSeconds: null,
    };
    expect(progressText(none)).toContain('0/1 000, rate < 0.03 %, 10 000 evaluated');
  });

  test('it counts the errors of a function that throws', () => {
    expect(progressText({ ...RUNNING, errors: 9000 })).toContain('10 000 evaluated, 9 000 errors');
  });

  test('it says why a job does not go on', () => {
    const text = progressText({ ...RUNNING, status: 'stuck', waitsFor: 'candidate 7' });
    expect(text).toMatch(/stuck, waits for candidate 7$/);
  });

  test('of a job that ended before it began it says first what it waited for', () => {
    const stderr = new PassThrough();
    const view = progressView(contextOf(stderr, false));
    view.update({ ...RUNNING, waitsFor: 'another peer: it needs tag gpu' });
    view.update({ ...RUNNING, status: 'partial' });
    const lines = written(stderr).trimEnd().split('\n');
    expect(lines).toEqual([
      expect.stringMatching(/waits for another peer: it needs tag gpu$/),
      expect.stringMatching(/, partial$/),
    ]);
    const other = progressView(contextOf(stderr, false));
    other.update({ ...RUNNING, waitsFor: 'a peer with slots' });
    other.update(RUNNING);
    expect(written(stderr)).not.toContain('waits');
  });

  test('on a terminal one line is redrawn, never wider than it, and cleared at the end', () => {
    const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 40 });
    const view = progressView(contextOf(stderr, false));
    view.update(RUNNING);
    view.update(RUNNING);
    const drawn = written(stderr).split('\r\x1b[2K');
    expect(drawn).toHaveLength(3);
    for (const line of drawn) expect(line.length).toBeLessThan(40);
    expect(drawn[2]).toMatch(/^██ 312/);
    view.clear();
    expect(written(stderr)).toBe('\r\x1b[2K');
  });

  test('in a narrow terminal it lacks what matters least, and no word is cut', () => {
    const narrow = [80, 60, 45, 30].map((width) => fittedText(RUNNING, width));
    expect(narrow).toEqual([
      '312/1 000, 250 final, rate 3.12 % ± 0.17 %, 10 000 evaluated, 1.2k/s, ETA 18 s',
      '312/1 000, 250 final, rate 3.12 % ± 0.17 %, 1.2k/s, ETA 18 s',
      '312/1 000, 1.2k/s, ETA 18 s',
      '312/1 000, 1.2k/s, ETA 18 s',
    ]);
    expect(fittedText({ ...RUNNING, waitsFor: 'x'.repeat(99) }, 25)).toHaveLength(25);
  });

  test('elsewhere a plain line comes when the state changes, and no control character', () => {
    const stderr = new PassThrough();
    const view = progressView(contextOf(stderr, false));
    view.update(RUNNING);
    view.update({ ...RUNNING, status: 'paused' });
    view.clear();
    const text = written(stderr);
    expect(text).toMatch(/^abababababab: 312\/1 000, .* paused\n$/);
    expect(text).not.toMatch(/\r/);
  });

  test('with --json the lines are JSON', () => {
    const stderr = new PassThrough();
    const view = progressView(contextOf(stderr, true));
    view.update(RUNNING);
    view.update({ ...RUNNING, status: 'paused' });
    const paused = { event: 'progress', ...RUNNING, status: 'paused' };
    expect(JSON.parse(written(stderr))).toEqual(paused);
  });

  test('bars go from nothing to the largest', () => {
    expect(sparkline([0, 1, 4, 8])).toBe('▁▂▅█');
    expect(sparkline([0, 0])).toBe('▁▁');
  });
});
