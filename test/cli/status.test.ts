import { expect, test } from 'vitest';
import { statusText } from '../../src/cli/status.ts';
import { NO_OFFER } from '../../src/core/needs.ts';
import type { StatusReport } from '../../src/node/mesh.ts';
import type { SandboxReport } from '../../src/node/sandboxes.ts';

/** The line of a status that says what holds user code. */
function sandboxLine(others: Pick<SandboxReport, 'othersFunctions' | 'othersCommands'>): string {
  const report: StatusReport = {
    ...{ peer: 'P0', name: 'here', version: '1.0.0', home: '/home', mesh: 'm', addresses: [] },
    ...{ slots: 2, busy: 1, tags: [], offer: NO_OFFER, memoryLimit: 'process', mathClass: 'aa' },
    sandbox: { functions: 'permission', commands: 'none', notes: [], unheld: null, ...others },
    relayBytesPerSecond: null,
    ...{ peers: { alive: 1, suspect: 0, dead: 0 }, jobs: { active: 0, ended: 0 } },
    files: { bytes: 0, files: 0, quotaBytes: 1e10 },
    ...{ uptimeSeconds: 1, rssBytes: 1, notices: [] },
  };
  const lines = statusText(report).split('\n');
  return lines.find((line) => line.startsWith('sandbox')) ?? '';
}

test('the status says in words what no sandbox holds', () => {
  const own = 'your functions held by permission, your commands run with all your rights';
  expect(sandboxLine({ othersFunctions: 'none', othersCommands: 'none' })).toMatch(
    `${own} (no sandbox); other people’s jobs run with all your rights (no sandbox)`,
  );
  expect(sandboxLine({ othersFunctions: 'bwrap', othersCommands: 'bwrap' })).toMatch(
    'other people’s jobs held by bwrap',
  );
  expect(sandboxLine({ othersFunctions: 'permission', othersCommands: null })).toMatch(
    'other people’s functions held by permission, commands are not run',
  );
});
