import { expect } from 'vitest';
import { poll } from '../e2e/lab.ts';
import { labTest } from './lab-test.ts';
import { MeshLab } from './mesh-lab.ts';

/** Resolves once the one that rotated knows that the other has the new secret. */
async function secretsAgree(lab: MeshLab): Promise<void> {
  await poll('both have the new secret', async () => {
    const { notices } = await lab.status('desk1');
    return !notices.some((notice) => notice.includes('not reached since'));
  });
}

labTest(
  'members find one another by multicast under the new secret’s name after a rotation',
  async () => {
    await using lab = await MeshLab.open();
    const office = await lab.net.nat('office');
    await lab.machines(['desk1', 'desk2'], office.inside);
    const [, second] = await lab.mesh('desk1', 'desk2');
    const { code } = await lab.run('desk1', 'secret', 'rotate');
    expect(code).toBe(0);
    await secretsAgree(lab);
    await second?.kill();
    await lab.misses('desk1', 1);
    // Now neither knows where the other is; and one of them runs since before the rotation.
    for (const name of ['desk1', 'desk2']) await lab.machine(name).readdress();
    await lab.restart('desk2');
    for (const name of ['desk1', 'desk2']) await lab.sees(name, 2);
  },
);
