import { writeSync } from 'node:fs';

// Accepts half of all candidates; what params.deeds names by index speaks in its executor's name.
const DEEDS = {
  send: () => process._send(null),
  none: () => say('00000003ff0f30'),
  bytes: () => say('00000004ff0fffff'),
};

function say(hex) {
  writeSync(5, Buffer.from(hex, 'hex'));
  const end = performance.now() + 500;
  while (performance.now() < end);
}

export default function takesOver(input) {
  const deed = DEEDS[input.params.deeds?.[input.index]];
  if (deed !== undefined) deed();
  const x = input.rng.uniform();
  return x < 0.5 ? x : undefined;
}
