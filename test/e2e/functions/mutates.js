// Accepts every candidate; with params.mutate the one of index 5 breaks what arrays can do.
export default function evaluate({ index, params }) {
  if (params.mutate && index === 5) {
    for (const name of Object.getOwnPropertyNames(Array.prototype)) {
      if (typeof Array.prototype[name] !== 'function' || name === 'constructor') continue;
      Array.prototype[name] = () => {
        throw new Error(`Array.prototype.${name} is broken`);
      };
    }
    Array.prototype.extra = 'seen in every loop';
  }
  if (index % 3 === 1) throw new RangeError('one of three');
  return index % 3 === 2 ? { index, list: [index, { text: 'a' }] } : undefined;
}
