// Half are accepted; a candidate takes as long as its value says.
export default async function timed({ rng, params }) {
  const [value, coin] = [rng.uniform(), rng.uniform()];
  await new Promise((resolve) => setTimeout(resolve, value * (params?.ms ?? 0)));
  return coin < 0.5 ? value : undefined;
}
