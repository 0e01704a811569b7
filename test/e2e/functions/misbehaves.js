/* global Buffer, process */
// Accepts half of all candidates; what params.deeds names by index misbehaves instead.
function endless() {
  for (;;);
}

const DEEDS = {
  loop: endless,
  regex: () => /^(a+)+$/.test(`${'a'.repeat(60)}b`),
  heap: () => {
    const all = [];
    for (let size = 0; size < 4e9; size += 8e5) all.push(new Array(1e5).fill(size));
  },
  buffers: () => {
    const all = [];
    for (let size = 0; size < 4e9; size += 16e6) all.push(Buffer.alloc(16e6, 1));
  },
  stack: () => {
    const deeper = (depth) => deeper(depth + 1) + 1;
    return deeper(0);
  },
  exit: () => process.exit(3),
  abort: () => process.abort(),
  segfault: () => {
    process.kill(process.pid, 'SIGSEGV');
    endless();
  },
  pending: () => new Promise(() => {}),
  text: () => {
    throw 'not an Error';
  },
  number: () => {
    throw 42;
  },
  object: () => {
    throw { cause: null, message: {} };
  },
};

export default function evaluate({ rng, index, params }) {
  const deed = DEEDS[params.deeds[index]];
  if (deed !== undefined) return deed();
  const x = rng.uniform();
  return x < 0.5 ? x : undefined;
}
