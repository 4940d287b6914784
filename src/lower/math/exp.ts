/**
 * The exponential family: exp, expm1, sigmoid, tanh.
 *
 * All reduce their argument to n·ln 2 + r with |r| ≤ ln 2 / 2 and use e^r = 1 + r + r²·q(r), q a minimax
 * polynomial (scripts/math/fit.py). n never becomes an integer by conversion: it is read off the low bits of a
 * float to which 1.5·2^fraction was added, and shifted into exponent position.
 */

import type { Dtype, Lanes } from "../lanes.ts";
import { atLeast, atMost, clamp, formatOf, pairedPolynomial, polynomial, withSign } from "./format.ts";

/** Constants of the exponential for one dtype. */
interface ExpTable {
  /** ln 2 = high + low, where n·high is exact for every n that occurs. */
  readonly ln2: readonly [high: number, low: number];
  /** (e^r − 1 − r)/r² on ±ln 2 / 2, best for e^r. */
  readonly exp: readonly number[];
  /** The same, best for e^r − 1. */
  readonly expm1: readonly number[];
  /** The same, one degree higher. */
  readonly tanh: readonly number[];
  /** e^x is 0 below and infinite above. */
  readonly range: readonly [number, number];
  /** 1 ± e^(−x) and tanh(x) are 1 above. */
  readonly saturation: number;
}

const tables: Record<Dtype, ExpTable> = {
  f32: {
    ln2: [0.693145751953125, 1.42860676533018e-6],
    exp: [0.49999994, 0.166665211, 0.0416683815, 0.00836870354, 0.00138148828],
    expm1: [0.5, 0.166665435, 0.0416662842, 0.00836656615, 0.00139463844],
    tanh: [0.5, 0.166666657, 0.041666396, 0.00833357126, 0.00139385986, 0.000197426329],
    range: [-104, 89],
    saturation: 20,
  },
  f64: {
    ln2: [0.6931471805598903, 5.497923018708371e-14],
    exp: [
      0.500000000000001, 0.16666666666666413, 0.041666666666530801, 0.0083333333334938194,
      0.0013888888943475223, 0.00019841269507613602, 2.4801493249278321e-5, 2.7557585711782887e-6,
      2.7630197325446777e-7, 2.5000200023125736e-8,
    ],
    expm1: [
      0.50000000000000056, 0.16666666666666685, 0.041666666666574183, 0.0083333333333145618,
      0.0013888888932229286, 0.00019841269903076326, 2.4801504602834606e-5, 2.7557227925633093e-6,
      2.7626270103343659e-7, 2.5114478821806555e-8,
    ],
    tanh: [
      0.5, 0.16666666666666677, 0.041666666666666088, 0.008333333333321943, 0.0013888888889141606,
      0.0001984126988539056, 2.4801586852326237e-5, 2.7557244907798872e-6, 2.7557657040972284e-7,
      2.5108805148199602e-8, 2.0801054781041619e-9,
    ],
    range: [-746, 710],
    saturation: 40,
  },
};

/** Constants for the lanes' dtype. */
export function expTable<V>(l: Lanes<V>): ExpTable {
  return tables[l.dtype];
}

/** factor·x = n·ln 2·(factor's sign) + …: n as a float, and t, whose low bits hold n + offset. */
export function roundedMultiple<V>(
  l: Lanes<V>,
  x: V,
  scale: { factor: number; offset: number },
): { n: V; t: V } {
  const magic = l.constant(formatOf(l).magic + scale.offset);
  const t = l.fma(x, l.constant(scale.factor), magic);
  return { n: l.sub(t, magic), t };
}

/** x + n·(sign·ln 2), in two steps of which the first is exact. */
export function addLn2Multiple<V>(l: Lanes<V>, x: V, { n, unit }: { n: V; unit: number }): V {
  const [high, low] = expTable(l).ln2;
  return l.fma(n, l.constant(unit * low), l.fma(n, l.constant(unit * high), x));
}

/** The float whose exponent field is the low bits of t: 2^(n + offset − bias). */
export function powerOfTwo<V>(l: Lanes<V>, t: V): V {
  return l.shl(t, formatOf(l).fraction);
}

/** Coefficients of p(factor·x). */
export function stretched(coefficients: readonly number[], factor: number): number[] {
  return coefficients.map((c, i) => c * factor ** i);
}

/** e^(±r) for |r| ≤ ln 2 / 2. */
export function expReduced<V>(l: Lanes<V>, r: V, sign: 1 | -1): V {
  const q = polynomial(l, stretched(expTable(l).exp, sign), r);
  return l.fma(l.fma(q, r, l.constant(sign)), r, l.constant(1));
}

/** p·2^n, where t holds n + 2·bias: two factors, so that neither leaves the range of exponents. */
export function scaleTwice<V>(l: Lanes<V>, p: V, t: V): V {
  const half = l.shr(t, 1);
  return l.mul(l.mul(p, powerOfTwo(l, half)), powerOfTwo(l, l.isub(t, half)));
}

/** e^x. */
export function exp<V>(l: Lanes<V>, x: V): V {
  const inRange = clamp(l, x, expTable(l).range);
  const { n, t } = roundedMultiple(l, inRange, { factor: Math.LOG2E, offset: 2 * formatOf(l).bias });
  const r = addLn2Multiple(l, inRange, { n, unit: -1 });
  return scaleTwice(l, expReduced(l, r, 1), t);
}

/** e^(±r) − 1 for |r| ≤ ln 2 / 2. */
export function expm1Reduced<V>(l: Lanes<V>, r: V, sign: 1 | -1): V {
  const q = polynomial(l, stretched(expTable(l).expm1, sign), r);
  return sign === 1 ? l.fma(l.mul(r, r), q, r) : l.sub(l.mul(l.mul(r, r), q), r);
}

/**
 * e^x − 1 = 2^n·(r + t) + (2^n − 1), accurate near 0; t is all of e^r − 1 that is small beside r. Half of it is
 * built, which does not overflow first; it is never below x.
 */
export function expm1<V>(l: Lanes<V>, x: V): V {
  const { range, saturation, ln2, expm1: coefficients } = expTable(l);
  const inRange = clamp(l, x, [-2 * saturation, range[1]]);
  const { n, t } = roundedMultiple(l, inRange, { factor: Math.LOG2E, offset: formatOf(l).bias - 1 });
  const lead = l.fma(n, l.constant(-ln2[0]), inRange);
  const low = l.mul(n, l.constant(-ln2[1]));
  const r = l.add(lead, low);
  const tail = l.fma(l.mul(r, r), polynomial(l, coefficients, r), low);
  const scale = powerOfTwo(l, t);
  const base = l.fma(scale, lead, l.sub(scale, l.constant(0.5)));
  const half = l.fma(scale, tail, base);
  return atLeast(l, x, l.add(half, half));
}

/** e^a/4 for a ≥ 0, as far as cosh a is finite. */
export function quarterExp<V>(l: Lanes<V>, a: V): V {
  const inRange = atMost(l, a, l.constant(expTable(l).range[1] + 0.6));
  const { n, t } = roundedMultiple(l, inRange, { factor: Math.LOG2E, offset: formatOf(l).bias - 2 });
  return l.mul(expReduced(l, addLn2Multiple(l, inRange, { n, unit: -1 }), 1), powerOfTwo(l, t));
}

/** 1/(1 + e^−x). Numerator and denominator carry a factor 2^−64, so that e^−x cannot overflow first. */
export function sigmoid<V>(l: Lanes<V>, x: V): V {
  const { range, saturation } = expTable(l);
  const inRange = clamp(l, x, [range[0], saturation]);
  const { n, t } = roundedMultiple(l, inRange, { factor: -Math.LOG2E, offset: formatOf(l).bias - 64 });
  const p = expm1Reduced(l, addLn2Multiple(l, inRange, { n, unit: 1 }), -1);
  const scale = powerOfTwo(l, t);
  const scaledOne = l.constant(2 ** -64);
  const sum = l.add(scale, scaledOne);
  const lost = l.sub(scaledOne, l.sub(sum, scale));
  return l.div(scaledOne, l.add(sum, l.fma(scale, p, lost)));
}

/** z = a + n·ln 2 / 2 and, in parts, 2z = lead + low. */
function doubleHalfReduced<V>(l: Lanes<V>, a: V, n: V): { z: V; lead: V; low?: V } {
  if (l.dtype === "f32") {
    // One constant does: it has 21 bits, so n·c is exact while its error still matters.
    const z = l.fma(n, l.constant(Math.LN2 / 2), a);
    return { z, lead: l.add(z, z) };
  }
  const [high, low] = expTable(l).ln2;
  const part = l.fma(n, l.constant(high / 2), a);
  return { z: l.fma(n, l.constant(low / 2), part), lead: l.add(part, part), low: l.mul(n, l.constant(low)) };
}

/** tanh |x| = (1 − w)/(1 + w), w = e^(−2|x|) = 2^n·(1 − u). */
export function tanh<V>(l: Lanes<V>, x: V): V {
  const a = atMost(l, l.abs(x), l.constant(expTable(l).saturation / 2));
  const { n, t } = roundedMultiple(l, a, { factor: -2 * Math.LOG2E, offset: formatOf(l).bias });
  const { z, lead, low } = doubleHalfReduced(l, a, n);
  const q = stretched(expTable(l).tanh, -2).map((c) => -4 * c);
  const square = l.mul(z, z);
  const curve = pairedPolynomial(l, q, { x: z, square });
  const u = low === undefined ? l.fma(square, curve, lead) : l.add(lead, l.fma(square, curve, low));
  const scale = powerOfTwo(l, t);
  const one = l.constant(1);
  const magnitude = l.div(l.fma(scale, u, l.sub(one, scale)), l.fnma(scale, u, l.add(one, scale)));
  return withSign(l, magnitude, x);
}
