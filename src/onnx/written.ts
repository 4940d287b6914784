/**
 * What an author wrote where the file holds a float32 scalar.
 *
 * 0.05 is stored as 0.0500000007450580597: nothing in float32, but 1e-8 in float64. A scalar attribute or constant that a
 * short decimal, a root or a named constant rounds to is taken to be that number. The result always rounds back to
 * the same float32; tensors of several cells, which are weights, are never touched.
 */

const SHORT_DIGITS = 6;
const LARGEST_ROOT = 4096;

const named: readonly number[] = [
  Math.PI,
  Math.PI / 2,
  2 * Math.PI,
  Math.E,
  Math.LN2,
  Math.LN10,
  Math.LOG2E,
  Math.SQRT2,
  Math.SQRT1_2,
  Math.sqrt(2 / Math.PI),
  Math.log(2 * Math.PI),
  Math.log(2 * Math.PI) / 2,
  2 / Math.sqrt(Math.PI),
  1.6732632423543772,
  1.0507009873554805,
];

/** The number that was meant by a float32 scalar; decimals of up to `digits` digits are considered. */
export function asWritten(stored: number, digits: number = SHORT_DIGITS): number {
  if (!Number.isFinite(stored) || Number.isInteger(stored)) return stored;
  const magnitude = Math.abs(stored);
  const meant = candidates(magnitude, digits).find((candidate) => Math.fround(candidate) === magnitude);
  return meant === undefined ? stored : Math.sign(stored) * meant;
}

function candidates(x: number, digits: number): number[] {
  return [Number(x.toPrecision(digits)), ...named, ...roots(x)];
}

/** 1/k, √k, 1/√k and k^±¼ for whole k: means and attention scales. */
function roots(x: number): number[] {
  return [-1, 2, -2, 4, -4].flatMap((power) => {
    const whole = Math.round(x ** power);
    return whole >= 1 && whole <= LARGEST_ROOT ? [whole ** (1 / power)] : [];
  });
}
