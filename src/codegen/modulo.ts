/**
 * a mod b with the divisor's sign, on lanes: a − ⌊a/b⌋·b, the product taken exactly in two halves of b.
 *
 * Exact to an ulp while the quotient has at most half of the float's bits; beyond that the error is an ulp of a.
 */

import type { Lanes } from "../lower/lanes.ts";

/** Keeps the upper half of the significand. */
const UPPER_HALF = { f32: -0x1000n, f64: -0x8000000n } as const;

/** Like Python's % and torch.remainder. */
export function modulo<V>(l: Lanes<V>, a: V, b: V): V {
  const zero = l.constant(0);
  const quotient = l.floor(l.div(a, b));
  const upper = l.and(b, l.bits(UPPER_HALF[l.dtype]));
  const rest = l.sub(l.sub(a, l.mul(quotient, upper)), l.mul(quotient, l.sub(b, upper)));
  const opposite = l.lt(l.mul(rest, b), zero);
  const signed = l.select(opposite, l.add(rest, b), rest);
  const finite = l.select(l.le(l.abs(b), l.abs(signed)), l.sub(signed, b), signed);
  const infinity = l.constant(Number.POSITIVE_INFINITY);
  const byInfinity = l.and(l.eq(l.abs(b), infinity), l.lt(l.abs(a), infinity));
  return l.select(byInfinity, l.select(l.lt(l.mul(a, b), zero), b, a), finite);
}
