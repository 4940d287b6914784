/** The error function in float64, for the interpreter: JavaScript has none. */

const TWO_OVER_SQRT_PI = 1.1283791670955126;

/**
 * erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)): all terms of one sign, so nothing cancels
 * (Abramowitz & Stegun 7.1.6). Beyond |x| = 6 it is ±1 to the last bit.
 */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  if (Number.isNaN(x)) return x;
  const square = x * x;
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * square) / (2 * n + 1);
    sum += term;
  }
  return TWO_OVER_SQRT_PI * Math.exp(-square) * sum;
}
