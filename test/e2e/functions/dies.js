// Takes its process down at three indices; everything else is accepted half the time.
export default function dies({ rng, index, params }) {
  if (params?.deadly && [17, 40, 101].includes(index)) process.exit(7);
  const x = rng.uniform();
  return x < 0.5 ? x : undefined;
}
