import { checked } from './checked.ts';

interface Candidate {
  readonly index: number;
  readonly rng: { uniform(): number };
}

export default function throws({ index, rng }: Candidate): number {
  if (index % 3 === 1) throw new RangeError(`${index} is one above a multiple of three`);
  return checked(index, rng.uniform());
}
