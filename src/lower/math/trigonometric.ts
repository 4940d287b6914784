/**
 * sin, cos, tan.
 *
 * |x| = n·π/2 + r with |r| ≤ π/4: π/2 in parts short enough that all products with n but the last are exact;
 * beyond `limit`, `rarely` and Payne–Hanek. sin and cos build the same nodes up to their last steps, so a caller
 * who wants both pays once. The sign of x is put back at the end, which also keeps −0.
 */

import type { Dtype, Lanes } from "../lanes.ts";
import { atLeast, formatOf, polynomial } from "./format.ts";
import { reduceLarge } from "./payne-hanek.ts";

/** Constants of the circular functions for one dtype. */
interface CircularTable {
  /** The fast reduction holds up to here. */
  readonly limit: number;
  /** π/2 as a sum; multiples of the first two are exact up to `limit`. */
  readonly halfPi: readonly [number, number, number];
  /** (sin r / r − 1)/r², in r². */
  readonly sin: readonly number[];
  /** (cos r − 1 + r²/2)/r⁴, in r². */
  readonly cos: readonly number[];
  /** (tan r / r − 1)/r², in r². */
  readonly tan: readonly number[];
}

const tables: Record<Dtype, CircularTable> = {
  f32: {
    limit: 3200,
    halfPi: [1.57080078125, -4.454515874385834e-6, 6.07710062827671e-11],
    sin: [-0.166666552, 0.0083321631, -0.000195155124],
    cos: [0.0416666456, -0.00138873246, 2.44339481e-5],
    tan: [0.333331436, 0.133391276, 0.0533858612, 0.0245150942, 0.00299192197, 0.00945683941],
  },
  f64: {
    limit: 100000,
    halfPi: [1.5707963267923333, 2.5633441515839558e-12, 1.0562999066987428e-23],
    sin: [
      -0.16666666666666632, 0.0083333333333222449, -0.00019841269829668943, 2.7557313644006843e-6,
      -2.5050750761996881e-8, 1.5896380529423802e-10,
    ],
    cos: [
      0.041666666666666602, -0.0013888888888874728, 2.4801587289743657e-5, -2.7557314405359129e-7,
      2.087572831822396e-9, -1.1359827017038158e-11,
    ],
    tan: [
      0.33333333333332787, 0.13333333333415526, 0.053968253925685293, 0.021869489639547164,
      0.0088632186798185426, 0.0035922937147604438, 0.001454728990538743, 0.00059518802283411814,
      0.00022201609100287276, 0.00013727025694734835, -2.7424928660885218e-5, 9.0394210174684475e-5,
      -4.5377159095933147e-5, 2.0981622116278893e-5,
    ],
  },
};

/** |x| reduced: the quadrant in the low two bits, r = high + low. `low` is absent where its ulp does not matter. */
interface Reduced<V> {
  readonly quadrant: V;
  readonly high: V;
  readonly low?: V;
}

/** n ≈ a·2/π as a float, and t with n in its low bits. */
function nearestMultiple<V>(l: Lanes<V>, a: V): { n: V; t: V } {
  const magic = l.constant(formatOf(l).magic);
  const t = l.fma(a, l.constant(2 / Math.PI), magic);
  return { n: l.sub(t, magic), t };
}

/** r as a rounded sum and the rest of it, from the last two parts of π/2. */
function reduceInParts<V>(l: Lanes<V>, a: V): { quadrant: V; rounded: V; rest: V } {
  const { n, t } = nearestMultiple(l, a);
  const parts = tables[l.dtype].halfPi.map((part) => l.constant(-part)) as [V, V, V];
  const exact = l.fma(n, parts[0], a);
  const rounded = l.fma(n, parts[1], exact);
  const lost = l.fma(n, parts[1], l.sub(exact, rounded));
  return { quadrant: t, rounded, rest: l.fma(n, parts[2], lost) };
}

/** The fast reduction, r within 0.6 ulp. In f64 the last part is too small to need the care f32 takes. */
function reduceFast<V>(l: Lanes<V>, a: V): Reduced<V> {
  if (l.dtype === "f32") {
    const { quadrant, rounded, rest } = reduceInParts(l, a);
    return { quadrant, high: l.add(rounded, rest) };
  }
  const { n, t } = nearestMultiple(l, a);
  const high = tables[l.dtype].halfPi.reduce((r, part) => l.fma(n, l.constant(-part), r), a);
  return { quadrant: t, high };
}

/** The fast reduction with what the rounding of r lost. */
function reduceTwice<V>(l: Lanes<V>, a: V): Required<Reduced<V>> {
  const { quadrant, rounded, rest } = reduceInParts(l, a);
  const high = l.add(rounded, rest);
  return { quadrant, high, low: l.add(l.sub(rounded, high), rest) };
}

/** sin r. */
function sinReduced<V>(l: Lanes<V>, r: V): V {
  const z = l.mul(r, r);
  return l.fma(l.mul(r, z), polynomial(l, tables[l.dtype].sin, z), r);
}

/** cos r. */
function cosReduced<V>(l: Lanes<V>, r: V): V {
  const z = l.mul(r, r);
  return polynomial(l, [1, -0.5, ...tables[l.dtype].cos], z);
}

/** Mask of odd quadrants. */
function oddMask<V>(l: Lanes<V>, quadrant: V): V {
  return l.isub(l.bits(0n), l.and(quadrant, l.bits(1n)));
}

/** Bit 1 of the quadrant in sign position; the other bits are rubbish. */
function halfTurnSign<V>(l: Lanes<V>, quadrant: V): V {
  return l.shl(quadrant, l.dtype === "f32" ? 30 : 62);
}

/** magnitude with its sign flipped where `bits` has the sign bit. */
function flip<V>(l: Lanes<V>, magnitude: V, bits: V): V {
  return l.xor(magnitude, l.and(bits, l.bits(formatOf(l).sign)));
}

/** sin x from the reduction of |x|. */
function sinFrom<V>(l: Lanes<V>, x: V, { quadrant, high }: Reduced<V>): V {
  const value = l.select(oddMask(l, quadrant), cosReduced(l, high), sinReduced(l, high));
  return flip(l, value, l.xor(halfTurnSign(l, quadrant), x));
}

/** cos x from the reduction of |x|. */
function cosFrom<V>(l: Lanes<V>, { quadrant, high }: Reduced<V>): V {
  const odd = oddMask(l, quadrant);
  const value = l.select(odd, sinReduced(l, high), cosReduced(l, high));
  return flip(l, value, l.xor(halfTurnSign(l, quadrant), odd));
}

/** fast(|x|) where |x| is within the limit, else the same from the exact reduction. */
function withReduction<V>(
  l: Lanes<V>,
  a: V,
  { fast, exact }: { fast: V; exact: (reduced: Required<Reduced<V>>) => V },
): V {
  const limit = l.constant(tables[l.dtype].limit);
  return l.rarely(l.lt(limit, a), () => exact(reduceLarge(l, atLeast(l, a, limit))), fast);
}

/** sin x. */
export function sin<V>(l: Lanes<V>, x: V): V {
  const a = l.abs(x);
  return withReduction(l, a, {
    fast: sinFrom(l, x, reduceFast(l, a)),
    exact: (reduced) => sinFrom(l, x, reduced),
  });
}

/** cos x. */
export function cos<V>(l: Lanes<V>, x: V): V {
  const a = l.abs(x);
  return withReduction(l, a, {
    fast: cosFrom(l, reduceFast(l, a)),
    exact: (reduced) => cosFrom(l, reduced),
  });
}

/** sin x and cos x of one reduction. */
export function sincos<V>(l: Lanes<V>, x: V): { sin: V; cos: V } {
  return { sin: sin(l, x), cos: cos(l, x) };
}

/** tan r = lead + tail for r = high + low. */
function tanReduced<V>(l: Lanes<V>, { high, low }: { high: V; low: V }): { lead: V; tail: V } {
  const z = l.mul(high, high);
  const slope = l.fma(l.mul(low, z), l.constant(1.6), low);
  const rest = l.fma(l.mul(high, z), polynomial(l, tables[l.dtype].tan, z), slope);
  const lead = l.add(high, rest);
  return { lead, tail: l.sub(rest, l.sub(lead, high)) };
}

/** tan x = tan r, or −1/tan r in odd quadrants: −1/(lead + tail) = q + q²·tail with q = −1/lead. */
function tanFrom<V>(l: Lanes<V>, x: V, { quadrant, high, low }: Required<Reduced<V>>): V {
  const { lead, tail } = tanReduced(l, { high, low });
  const q = l.div(l.constant(-1), lead);
  const value = l.select(oddMask(l, quadrant), l.fma(l.mul(q, q), tail, q), lead);
  return flip(l, value, x);
}

/** tan x. */
export function tan<V>(l: Lanes<V>, x: V): V {
  const a = l.abs(x);
  return withReduction(l, a, {
    fast: tanFrom(l, x, reduceTwice(l, a)),
    exact: (reduced) => tanFrom(l, x, reduced),
  });
}
