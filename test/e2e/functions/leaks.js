/* global Buffer */
// Accepts every candidate; with params.leak each one keeps ten megabytes for ever.
const kept = [];

export default function evaluate({ rng, params }) {
  if (params.leak) kept.push(Buffer.alloc(1e7, 1));
  return rng.uniform();
}
