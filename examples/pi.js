// Throw a dart at the unit square. Keep it if it lands inside the quarter circle.
//
//   meshd publish examples/pi.js --accept 1000
//
// The acceptance rate, times four, is π.

export default function dart({ rng }) {
  const [x, y] = [rng.uniform(), rng.uniform()];
  if (x * x + y * y < 1) return { x, y };
}
