// Writes batches of 50 records, says the number of each that is kept, and kills itself on the way.
import { LevelStore } from '../../src/store/level-store.ts';

const [, , dir = '', role = 'hold', lifeMs = '0'] = process.argv;
try {
  const store = await LevelStore.open(dir);
  if (role === 'hold') {
    process.stdout.write('open\n');
    process.stdin.resume();
  }
  // The timer fires while a write is under way: between two writes no turn of the loop is free.
  else setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(lifeMs));
  for (let batch = 0; role !== 'hold'; batch++) {
    await store.write(
      Array.from({ length: 50 }, (_, k) => ({
        kind: 'record',
        scope: 'control',
        origin: role,
        start: { incarnation: 1, nonce: '0123456789abcdef' },
        n: batch * 50 + k,
        body: new Uint8Array(2000).fill(batch % 251),
      })),
    );
    process.stdout.write(`${batch}\n`);
  }
} catch (error) {
  process.stdout.write(`${(error as { code?: string }).code}: ${(error as Error).message}\n`);
}
