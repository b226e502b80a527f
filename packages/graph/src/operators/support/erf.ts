/**
 * Error function to double precision. Below 2.5 its Maclaurin series in the form erf(x) = 2/√π · e^(−x²) · Σ
 * 2ⁿx^(2n+1)/(1·3·…·(2n+1)), whose terms are all positive; beyond, the continued fraction of erfc (Abramowitz & Stegun
 * 7.1.6 and 7.1.14).
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return Number.NaN;
  const magnitude = Math.abs(x);
  if (magnitude > 6) return Math.sign(x);
  const square = magnitude * magnitude;
  if (magnitude < 2.5) {
    let term = magnitude;
    let sum = term;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= (2 * square) / (2 * n + 1);
      sum += term;
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-square) * sum;
  }
  let fraction = magnitude;
  for (let n = 60; n >= 1; n--) fraction = magnitude + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-square) / Math.sqrt(Math.PI) / fraction);
}
