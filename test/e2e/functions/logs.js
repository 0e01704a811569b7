// Says what it does, on levels of its own; with params.ms of 0 nothing on the console.
export default async function evaluate({ rng, index, log, params }) {
  const x = rng.uniform();
  if (params.ms > 0) console.debug('draws', x);
  log('begins', index);
  await new Promise((resolve) => setTimeout(resolve, params.ms));
  if (x > 0.9 && params.ms > 0) console.warn('large', x);
  if (x < 0.05) throw new Error('small');
  return x < 0.5 ? x : undefined;
}
