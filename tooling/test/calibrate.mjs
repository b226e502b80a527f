/** Share by which runs of the loop may differ on a machine that has nothing else to do. */
const QUIET = 1.25;

/**
 * How fast this machine is now: the seconds of a fixed loop, the median of seven. Budgets of tests are multiples of it.
 * `quiet` says whether the seven agreed, so that others did not take the processor away.
 */
export function calibrate() {
  work();
  const times = Array.from({ length: 7 }, () => {
    const started = performance.now();
    work();
    return (performance.now() - started) / 1000;
  }).sort((a, b) => a - b);
  return { seconds: times[3], quiet: times[6] / times[0] < QUIET };
}

/** Sums of products, as models do them, and short-lived objects, as the compiler does. */
function work() {
  const size = 128;
  const left = Float32Array.from({ length: size * size }, (_, i) => (i % 17) - 8);
  const product = new Float32Array(size * size);
  let sum = 0;
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        let value = 0;
        for (let k = 0; k < size; k++) value += left[i * size + k] * left[k * size + j];
        product[i * size + j] = value;
      }
    }
    const names = new Map(Array.from(product, (value, i) => [`value ${i % 5000}`, { value, uses: [i] }]));
    for (const { value } of names.values()) sum += value;
  }
  if (!Number.isFinite(sum)) throw new Error('the loop has no result');
}
