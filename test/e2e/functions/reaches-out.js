import { readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';

// Accepts half of all candidates; what params.deeds names by index reaches out of its executor.
const DEEDS = {
  write: () => writeFileSync('/meshd-reached-out', ''),
  read: ({ home }) => readdirSync(`${home}/.ssh`),
  socket: ({ port }) =>
    new Promise((resolve, reject) => {
      connect(port, '127.0.0.1', resolve).on('error', reject);
    }),
  fill: (_, scratch) => {
    for (let k = 0; k < 64; k++) writeFileSync(`${scratch}/${k}`, new Uint8Array(1e6));
  },
  loop: (_, scratch) => {
    writeFileSync(`${scratch}/left`, '');
    for (;;);
  },
};

export default function reachesOut(input) {
  const deed = DEEDS[input.params.deeds[input.index]];
  if (deed !== undefined) return deed(input.params, input.scratch);
  const x = input.rng.uniform();
  return x < 0.5 ? x : undefined;
}
