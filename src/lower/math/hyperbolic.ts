/**
 * sinh, cosh and the inverse hyperbolic functions asinh, acosh, atanh.
 *
 * sinh and cosh work with e^|x|/4, which does not overflow before they do. The inverses are logarithms of
 * 1 + something small, with what the rounding of that something lost.
 */

import type { Dtype, Lanes } from "../lanes.ts";
import { expTable, quarterExp } from "./exp.ts";
import { formatOf, outside, polynomial, withSign } from "./format.ts";
import { log, log1pSum } from "./log.ts";

/** (artanh s / s − 1)/s² for |s| ≤ 5/11, in s². */
const artanh: Record<Dtype, readonly number[]> = {
  f32: [0.333334684, 0.199909672, 0.144785032, 0.093530871, 0.159689426],
  f64: [
    0.33333333333332704, 0.20000000000206222, 0.14285714262314003, 0.11111112438338133, 0.090908651211595845,
    0.076932313770884456, 0.066537982728889236, 0.060036975905512172, 0.044890665656384519,
    0.080196896272136206, -0.041167415614590482, 0.15451246446669731,
  ],
};

/** (sinh x / x − 1)/x² up to 1, in x². */
const sinhNear: Record<Dtype, readonly number[]> = {
  f32: [0.166666672, 0.00833335053, 0.000198360751, 2.81739972e-6],
  f64: [
    0.16666666666666669, 0.0083333333333331407, 0.00019841269841436494, 2.7557319155654178e-6,
    2.5052123354598023e-8, 1.6057243387687105e-10, 7.7592286603582061e-13,
  ],
};

/** sinh x = x + x³·p(x²) up to 1, then 2·(q − 1/(16·q)), q = e^|x|/4. */
export function sinh<V>(l: Lanes<V>, x: V): V {
  const a = l.abs(x);
  const q = quarterExp(l, a);
  const half = l.sub(q, l.div(l.constant(1 / 16), q));
  const z = l.mul(a, a);
  const near = l.fma(l.mul(a, z), polynomial(l, sinhNear[l.dtype], z), a);
  return withSign(l, l.select(l.lt(a, l.constant(1)), near, l.add(half, half)), x);
}

/** cosh x = 2·(q + 1/(16·q)), q = e^|x|/4. */
export function cosh<V>(l: Lanes<V>, x: V): V {
  const q = quarterExp(l, l.abs(x));
  const half = l.add(q, l.div(l.constant(1 / 16), q));
  return l.add(half, half);
}

/** asinh x = log1p(a + a²/(1 + √(1 + a²))); log 2a where a² would lose the 1. */
export function asinh<V>(l: Lanes<V>, x: V): V {
  const a = l.abs(x);
  const square = l.mul(a, a);
  const one = l.constant(1);
  const excess = l.div(square, l.add(one, l.sqrt(l.add(square, one))));
  const sum = l.add(a, excess);
  const lost = l.sub(excess, l.sub(sum, a));
  const exact = (): V => l.add(log(l, a), l.constant(Math.LN2));
  return withSign(l, l.rarely(outside(l, a, [0, 2 ** 40]), exact, log1pSum(l, sum, lost)), x);
}

/** acosh x = log1p(t + √(2t + t²)), t = x − 1. */
export function acosh<V>(l: Lanes<V>, x: V): V {
  const t = l.sub(x, l.constant(1));
  const square = l.fma(t, t, l.add(t, t));
  const root = l.sqrt(square);
  const sum = l.add(root, t);
  const lost = l.sub(t, l.sub(sum, root));
  const exact = (): V => {
    const far = l.add(log(l, x), l.constant(Math.LN2));
    return l.select(l.lt(x, l.constant(1)), l.constant(Number.NaN), far);
  };
  return l.rarely(outside(l, x, [1, 2 ** 40]), exact, log1pSum(l, sum, lost));
}

/** 2^k near 1/b for b in (0, 1]: 1 from 3/4 up; and k as a float. */
function reciprocalPower<V>(l: Lanes<V>, b: V): { power: V; k: V } {
  const { fraction, bias, sign } = formatOf(l);
  const exponentMask = (sign - 1n) ^ ((1n << BigInt(fraction)) - 1n);
  const field = l.and(l.mul(b, l.constant(4 / 3)), l.bits(exponentMask));
  const power = l.isub(l.bits(BigInt(2 * bias) << BigInt(fraction)), field);
  const counter = l.or(l.shr(power, fraction), l.bits(BigInt(bias + fraction) << BigInt(fraction)));
  return { power, k: l.sub(counter, l.constant(2 ** fraction + bias)) };
}

/**
 * atanh x = k·ln 2 / 2 + artanh s, where (1 + a)/(1 − a) = 2^k·(1 + s)/(1 − s), so with b = 1 − a
 * s = (2a − (2^k − 1)·b)/(2 + (2^k − 1)·b): one division, and s = a for k = 0.
 */
export function atanh<V>(l: Lanes<V>, x: V): V {
  const a = l.abs(x);
  const one = l.constant(1);
  const b = l.sub(one, a);
  const { power, k } = reciprocalPower(l, b);
  const part = l.mul(l.sub(power, one), b);
  const s = l.div(l.sub(l.add(a, a), part), l.add(part, l.constant(2)));
  const [high, low] = expTable(l).ln2;
  const z = l.mul(s, s);
  const p = polynomial(l, artanh[l.dtype], z);
  const tail = l.fma(l.mul(s, z), p, l.mul(k, l.constant(low / 2)));
  const fast = l.fma(k, l.constant(high / 2), l.add(s, tail));
  const exact = (): V => {
    const edge = l.select(l.eq(a, one), l.constant(Infinity), l.constant(Number.NaN));
    return l.select(l.lt(a, one), fast, edge);
  };
  const last = 1 - 2 ** -(formatOf(l).fraction + 1);
  return withSign(l, l.rarely(outside(l, a, [0, last]), exact, fast), x);
}
