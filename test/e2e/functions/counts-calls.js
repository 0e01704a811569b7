// Accepts every candidate with the number of calls in its process: not pure, unless it has its own.
let calls = 0;

export default function evaluate() {
  calls += 1;
  return calls;
}
