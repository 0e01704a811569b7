// Takes a core for params.ms, and accepts every candidate.
export default ({ index, params }) => {
  const end = performance.now() + params.ms;
  while (performance.now() < end);
  return index;
};
