/**
 * mod: a − b·⌊a/b⌋, with the sign of b (a zero keeps the sign of a), exact but for one rounding where the signs
 * of a and b differ, as Python and PyTorch compute it.
 *
 * a − q·b with q = round(a/b) is exact when q is small and b is cut in halves; larger quotients are divided out
 * digit by digit in `rarely`.
 */

import type { Dtype, Lanes } from "../lanes.ts";
import { formatOf, outside, signBit } from "./format.ts";

/** Bits of a quotient digit, the mask that cuts a float to half its bits, and the digits a quotient can have. */
interface RemainderTable {
  readonly digit: number;
  readonly halfMask: bigint;
  readonly digits: number;
  /** Powers of two are multiplied in steps no larger than this exponent. */
  readonly largestExponent: number;
}

const tables: Record<Dtype, RemainderTable> = {
  f32: { digit: 11, halfMask: 0xfffff000n, digits: 25, largestExponent: 120 },
  f64: { digit: 25, halfMask: 0xfffffffff8000000n, digits: 84, largestExponent: 1000 },
};

/** a − q·b for an integer q of at most one digit. */
function subtractMultiple<V>(l: Lanes<V>, a: V, { b, q }: { b: V; q: V }): V {
  const high = l.and(b, l.bits(tables[l.dtype].halfMask));
  const minusQ = l.neg(q);
  return l.fma(minusQ, l.sub(b, high), l.fma(minusQ, high, a));
}

/** b·2^exponent, infinite where it overflows. */
function timesPower<V>(l: Lanes<V>, b: V, exponent: number): V {
  const { largestExponent } = tables[l.dtype];
  if (exponent <= largestExponent) return l.mul(b, l.constant(2 ** exponent));
  return timesPower(l, l.mul(b, l.constant(2 ** largestExponent)), exponent - largestExponent);
}

/** a modulo b, of magnitude at most |b|/2, by long division. */
function longDivision<V>(l: Lanes<V>, a: V, b: V): V {
  const { digit, digits } = tables[l.dtype];
  let rest = a;
  for (let k = digits - 1; k >= 0; k--) {
    const multiple = timesPower(l, b, k * digit);
    const finite = l.lt(l.abs(multiple), l.constant(Infinity));
    const q = l.and(finite, l.nearest(l.div(rest, multiple)));
    rest = subtractMultiple(l, rest, { b: l.and(finite, multiple), q });
  }
  return rest;
}

/** a − round(a/b)·b for |a| ≤ |b|; a if b is infinite. */
function reduceOnce<V>(l: Lanes<V>, a: V, b: V): V {
  const finite = l.lt(l.abs(b), l.constant(Infinity));
  const q = l.and(finite, l.nearest(l.div(a, b)));
  return subtractMultiple(l, a, { b: l.and(finite, b), q });
}

/** Any a modulo any b. Of a huge a a quarter is divided, and its remainder doubled twice. */
function reduceAny<V>(l: Lanes<V>, a: V, b: V): V {
  const large = l.lt(l.constant(formatOf(l).huge / 8), l.abs(a));
  const double = (v: V): V => l.select(large, reduceOnce(l, l.add(v, v), b), v);
  const part = l.mul(a, l.select(large, l.constant(0.25), l.constant(1)));
  const rest = double(double(longDivision(l, part, b)));
  const value = l.add(rest, l.sub(a, a));
  return l.select(l.ne(b, b), b, value);
}

/** The remainder with the sign of b from a remainder of either sign; zeros take the sign of a. */
function floored<V>(l: Lanes<V>, rest: V, { a, b }: { a: V; b: V }): V {
  const zero = l.bits(0n);
  const negative = l.lt(l.or(l.constant(1), signBit(l, l.xor(rest, b))), zero);
  const moved = l.add(rest, l.and(negative, b));
  return l.select(l.eq(rest, zero), signBit(l, a), moved);
}

/** a − b·⌊a/b⌋. */
export function mod<V>(l: Lanes<V>, a: V, b: V): V {
  const { digit } = tables[l.dtype];
  const { huge } = formatOf(l);
  const q = l.nearest(l.div(a, b));
  const fast = subtractMultiple(l, a, { b, q });
  const bound = l.constant(huge / 8);
  const large = l.or(l.lt(bound, l.abs(a)), l.lt(bound, l.abs(b)));
  const special = l.or(large, outside(l, q, [-(2 ** digit), 2 ** digit]));
  return floored(
    l,
    l.rarely(special, () => reduceAny(l, a, b), fast),
    { a, b },
  );
}
