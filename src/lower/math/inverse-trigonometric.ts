/**
 * asin, acos, atan, atan2.
 *
 * atan reduces n/d ≥ 0 to a quotient of magnitude at most ½ beside 0, π/4 or π/2, with a single division; asin and
 * acos go through √((1 − |x|)/2) above ½, with what the rounding of the root lost.
 */

import type { Dtype, Lanes } from "../lanes.ts";
import { atLeast, formatOf, polynomial, signBit, withSign } from "./format.ts";

/** Constants of the inverse circular functions for one dtype. */
interface ArcTable {
  /** π = high + low. */
  readonly pi: readonly [high: number, low: number];
  /** (atan t / t − 1)/t², in t². */
  readonly atan: readonly number[];
  /** (asin s / s − 1)/s², in s². */
  readonly asin: readonly number[];
  /** Keeps the upper half of a float's bits. */
  readonly halfMask: bigint;
}

const tables: Record<Dtype, ArcTable> = {
  f32: {
    pi: [3.1415927410125732, -8.742278000372485e-8],
    atan: [-0.333333284, 0.199994996, -0.142722398, 0.109422296, -0.0798844621, 0.0387806296],
    asin: [0.166667536, 0.0749525204, 0.0454759747, 0.0241524726, 0.0422111154],
    halfMask: 0xfffff000n,
  },
  f64: {
    pi: [Math.PI, 1.2246467991473532e-16],
    atan: [
      -0.33333333333332998, 0.19999999999906279, -0.14285714276618466, 0.11111110668327749,
      -0.090908964357394109, 0.076920765716847264, -0.066638349853891901, 0.058584478872086607,
      -0.051226072520128375, 0.041880438991737053, -0.027457579528772359, 0.010131392230516977,
    ],
    asin: [
      0.16666666666665411, 0.07500000000337953, 0.044642856826879317, 0.030381959212719432,
      0.022371756000941746, 0.017359737856385071, 0.013884895204497462, 0.012171498483162979,
      0.006517958715109194, 0.019555830794984401, -0.016267540322603816, 0.031941861172444012,
    ],
    halfMask: 0xfffffffff8000000n,
  },
};

/** share·π as a rounded constant and its error. */
function piParts<V>(l: Lanes<V>, share: number): { high: V; low: V } {
  const [high, low] = tables[l.dtype].pi;
  return { high: l.constant(share * high), low: l.constant(share * low) };
}

/** x, or the smallest positive number instead of 0. */
function notZero<V>(l: Lanes<V>, x: V): V {
  return atLeast(l, x, l.bits(1n));
}

/** atan(n/d) in [0, π/2], n and d ≥ 0 and not both infinite; 0/0 counts as 0. */
function atanQuotient<V>(l: Lanes<V>, n: V, d: V): V {
  const flat = l.le(n, l.mul(d, l.constant(0.5)));
  const steep = l.le(d, l.mul(n, l.constant(0.5)));
  const above = l.select(flat, n, l.select(steep, l.neg(d), l.sub(n, d)));
  const below = l.select(flat, d, l.select(steep, n, l.add(n, d)));
  const t = l.div(above, notZero(l, below));
  const z = l.mul(t, t);
  const [half, quarter, zero] = [piParts(l, 0.5), piParts(l, 0.25), l.bits(0n)];
  const high = l.select(flat, zero, l.select(steep, half.high, quarter.high));
  const low = l.select(flat, zero, l.select(steep, half.low, quarter.low));
  const tail = l.fma(l.mul(t, z), polynomial(l, tables[l.dtype].atan, z), low);
  return l.add(high, l.add(t, tail));
}

/** atan x. */
export function atan<V>(l: Lanes<V>, x: V): V {
  return withSign(l, atanQuotient(l, l.abs(x), l.constant(1)), x);
}

/** atan2 from |y| and |x|: π − θ left of the axis, then the sign of y. */
function atan2From<V>(l: Lanes<V>, { y, x, theta }: { y: V; x: V; theta: V }): V {
  const left = l.lt(l.or(l.constant(1), signBit(l, x)), l.bits(0n));
  const pi = piParts(l, 1);
  const mirrored = l.sub(pi.high, l.sub(theta, pi.low));
  return withSign(l, l.select(left, mirrored, theta), y);
}

/** The angle of the point (x, y), in [−π, π]. */
export function atan2<V>(l: Lanes<V>, y: V, x: V): V {
  const [n, d] = [l.abs(y), l.abs(x)];
  const large = l.constant(formatOf(l).huge / 4);
  const exact = (): V => {
    const infinite = l.constant(Infinity);
    const [nInfinite, dInfinite] = [l.eq(n, infinite), l.eq(d, infinite)];
    const pick = (own: V, other: V, v: V): V => {
      const finite = l.select(other, l.constant(0), l.mul(v, l.constant(0.25)));
      return l.select(own, l.constant(1), finite);
    };
    const theta = atanQuotient(l, pick(nInfinite, dInfinite, n), pick(dInfinite, nInfinite, d));
    const notNumber = l.or(l.ne(n, n), l.ne(d, d));
    return l.select(notNumber, l.constant(Number.NaN), atan2From(l, { y, x, theta }));
  };
  const fast = atan2From(l, { y, x, theta: atanQuotient(l, n, d) });
  return l.rarely(l.or(l.lt(large, n), l.lt(large, d)), exact, fast);
}

/** asin a = lead + tail for a ≤ ½; above (mask `big`), asin √((1 − a)/2) = lead + tail. */
function halfArc<V>(l: Lanes<V>, a: V): { big: V; lead: V; tail: V } {
  const { asin: coefficients, halfMask } = tables[l.dtype];
  const big = l.lt(l.constant(0.5), a);
  const halved = l.fma(a, l.constant(-0.5), l.constant(0.5));
  const z = l.select(big, halved, l.mul(a, a));
  const root = l.sqrt(halved);
  const cut = l.and(root, l.bits(halfMask));
  const lost = l.div(l.sub(halved, l.mul(cut, cut)), notZero(l, l.add(root, cut)));
  const s = l.select(big, root, a);
  const series = l.mul(l.mul(s, z), polynomial(l, coefficients, z));
  return { big, lead: l.select(big, cut, a), tail: l.select(big, l.add(lost, series), series) };
}

/** asin x. */
export function asin<V>(l: Lanes<V>, x: V): V {
  const { big, lead, tail } = halfArc(l, l.abs(x));
  const half = piParts(l, 0.5);
  const fromLead = l.sub(half.high, l.add(lead, lead));
  const mirrored = l.sub(fromLead, l.sub(l.add(tail, tail), half.low));
  return withSign(l, l.select(big, mirrored, l.add(lead, tail)), x);
}

/** acos x: π/2 ∓ asin |x| up to ½, then 2·asin √((1 − |x|)/2), from π where x < 0. */
export function acos<V>(l: Lanes<V>, x: V): V {
  const { big, lead, tail } = halfArc(l, l.abs(x));
  const scale = l.select(big, l.constant(2), l.constant(1));
  const subtract = signBit(l, l.xor(l.xor(x, big), l.bits(formatOf(l).sign)));
  const [half, whole, zero] = [piParts(l, 0.5), piParts(l, 1), l.bits(0n)];
  const left = l.lt(x, zero);
  const high = l.select(big, l.and(left, whole.high), half.high);
  const low = l.select(big, l.and(left, whole.low), half.low);
  const rest = l.add(l.xor(l.mul(scale, tail), subtract), low);
  return l.add(l.add(high, l.xor(l.mul(scale, lead), subtract)), rest);
}
