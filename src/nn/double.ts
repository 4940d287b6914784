/**
 * Numbers of twice the precision on traced values: unevaluated sums high + low (Dekker 1971, Knuth's two-sum).
 *
 * In and out: pairs of which low is at most half a unit in the last place of high. Always: products are split into exact parts, so
 * the pairs are right with and without fused multiply-adds. In float32 splitting leaves nothing, and pairs are as exact as one number.
 */

import { add, div, mul, sub } from "../trace/functions.ts";
import type { Tensor } from "../trace/shapes.ts";

/** high + low. */
export interface Double {
  readonly high: Tensor;
  readonly low: Tensor;
}

/** Halves the bits of a float64: a = head + tail, both of at most 26 bits. */
const SPLIT = 2 ** 27;

function split(a: Tensor): { head: Tensor; tail: Tensor } {
  const scaled = add(mul(a, SPLIT), a);
  const head = sub(scaled, sub(scaled, a));
  return { head, tail: sub(a, head) };
}

/** a · b as its rounded value and what rounding took away. */
function product(a: Tensor, b: Tensor): Double {
  const [x, y] = [split(a), split(b)];
  const high = mul(a, b);
  const heads = sub(mul(x.head, y.head), high);
  const crossed = add(mul(x.tail, y.head), add(mul(x.head, y.tail), heads));
  return { high, low: add(mul(x.tail, y.tail), crossed) };
}

/** a + b as its rounded value and what rounding took away. */
function total(a: Tensor, b: Tensor): Double {
  const high = add(a, b);
  const second = sub(high, a);
  return { high, low: add(sub(a, sub(high, second)), sub(b, second)) };
}

/** The same for |a| ≥ |b|. */
function normalised(a: Tensor, b: Tensor): Double {
  const high = add(a, b);
  return { high, low: sub(b, sub(high, a)) };
}

/** c − a · b. */
export function minusProduct(c: Double, a: Double, b: Double): Double {
  const { high, low } = product(a.high, b.high);
  const small = add(mul(a.low, b.high), add(mul(a.high, b.low), low));
  const difference = total(c.high, high.neg());
  return normalised(difference.high, add(difference.low, sub(c.low, small)));
}

/** a / b. */
export function quotient(a: Double, b: Double): Double {
  const first = div(a.high, b.high);
  const left = minusProduct(a, { high: first, low: mul(first, 0) }, b);
  return normalised(first, div(left.high, b.high));
}
