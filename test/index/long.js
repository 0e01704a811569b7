// Values that are too long for a record, and lie by themselves.
export default function long({ rng, index }) {
  return `${index} ${rng.uniform()} `.padEnd(400, 'x');
}
