/**
 * Logarithms: log, log1p, softplus.
 *
 * x = 2^k·m with m in [√½, √2), by integer arithmetic on the bit pattern; then log x = k·ln 2 + log1p(f),
 * f = m − 1. Zero, negative, subnormal, infinite and NaN arguments go through `rarely`. k is held negated: +0
 * times a negative constant is −0, the neutral element of addition, so log1p keeps the sign of −0.
 */

import type { Dtype, Lanes } from "../lanes.ts";
import { addLn2Multiple, expm1Reduced, expTable, powerOfTwo, roundedMultiple } from "./exp.ts";
import { atLeast, atMost, formatOf, outside, polynomial } from "./format.ts";

/** Constants of the logarithm for one dtype. */
interface LogTable {
  /** Bit pattern of √½. */
  readonly root: bigint;
  /** f32: (log1p(f) − f + f²/2)/f³; f64: (2·artanh(s)/s − 2)/s², a polynomial in s², s = f/(2 + f). */
  readonly log: readonly number[];
  /** log1p on [0, 1]: f32 (log1p(u) − u)/u²; f64 as above. */
  readonly unit: readonly number[];
}

const tables: Record<Dtype, LogTable> = {
  f32: {
    root: 0x3f3504f3n,
    log: [0.333338857, -0.250013262, 0.199638471, -0.165782019, 0.149080485, -0.142613202, 0.0871067569],
    unit: [
      -0.5, 0.333322495, -0.249750778, 0.197741777, -0.155690193, 0.110241249, -0.0609105155, 0.0218691006,
      -0.00367595931,
    ],
  },
  f64: {
    root: 0x3fe6a09e667f3bcdn,
    log: [
      0.66666666666667262, 0.3999999999945868, 0.28571428734005755, 0.2222219933728547, 0.18183528224093312,
      0.15314903683477904, 0.14787973989304698,
    ],
    unit: [
      0.6666666666666633, 0.40000000000150332, 0.28571428548575606, 0.22222223931083152, 0.18181745129677671,
      0.15386536792075212, 0.13301251068866654, 0.12104059299039538, 0.083483496096483076,
      0.17004238957813883,
    ],
  },
};

/** x = 2^k·m: −k as a float, the biased exponent field of 2^k in place, and m in [√½, √2). */
export function split<V>(l: Lanes<V>, x: V): { negatedK: V; exponent: V; m: V } {
  const { fraction, bias, one } = formatOf(l);
  const { root } = tables[l.dtype];
  const mask = (1n << BigInt(fraction)) - 1n;
  const shifted = l.iadd(x, l.bits(one - root));
  const counter = l.or(l.shr(shifted, fraction), l.bits(BigInt(bias + fraction) << BigInt(fraction)));
  return {
    negatedK: l.sub(l.constant(2 ** fraction + bias), counter),
    exponent: l.and(shifted, l.bits(~mask & (formatOf(l).sign * 2n - 1n))),
    m: l.iadd(l.and(shifted, l.bits(mask)), l.bits(root)),
  };
}

/** k·ln 2 + log1p(f + lost) from −k and f in [√½ − 1, √2 − 1]. */
function combine<V>(l: Lanes<V>, negatedK: V, { f, lost }: { f: V; lost?: V }): V {
  const [high, low] = expTable(l).ln2;
  const small = l.mul(negatedK, l.constant(-low));
  const rest = lost === undefined ? small : l.add(small, l.sub(lost, l.mul(lost, f)));
  return l.fma(negatedK, l.constant(-high), l.add(f, logTail(l, f, rest)));
}

/** log1p(f) − f + rest. */
function logTail<V>(l: Lanes<V>, f: V, rest: V): V {
  if (l.dtype === "f64") return artanhTail(l, f, { coefficients: tables.f64.log, rest });
  const p = polynomial(l, tables.f32.log, f);
  return l.fma(l.mul(f, f), l.fma(f, p, l.constant(-0.5)), rest);
}

/** log1p(f) − f + rest with s = f/(2 + f): s·(f²/2 + R(s²)) − f²/2 + rest. */
function artanhTail<V>(
  l: Lanes<V>,
  f: V,
  { coefficients, rest }: { coefficients: readonly number[]; rest: V },
): V {
  const s = l.div(f, l.add(f, l.constant(2)));
  const z = l.mul(s, s);
  const half = l.mul(l.mul(f, l.constant(0.5)), f);
  return l.sub(l.fma(s, l.fma(z, polynomial(l, coefficients, z), half), rest), half);
}

/** log x for normal x; `lifted` is added to k. */
function logNormal<V>(l: Lanes<V>, x: V, lifted: number): V {
  const { negatedK, m } = split(l, x);
  const k = lifted === 0 ? negatedK : l.sub(negatedK, l.constant(lifted));
  return combine(l, k, { f: l.sub(m, l.constant(1)) });
}

/** −∞ where x = pole, NaN beyond it (or where x is NaN), else value. */
function poleAt<V>(l: Lanes<V>, x: V, { pole, value }: { pole: number; value: V }): V {
  const edge = l.constant(pole);
  const beyond = l.select(l.eq(x, edge), l.constant(-Infinity), l.constant(Number.NaN));
  return l.select(l.lt(edge, x), value, beyond);
}

/** value where x is finite, else x. */
function unlessInfinite<V>(l: Lanes<V>, x: V, value: V): V {
  return l.select(l.lt(x, l.constant(Infinity)), value, x);
}

/** The natural logarithm. */
export function log<V>(l: Lanes<V>, x: V): V {
  const { tiny, huge } = formatOf(l);
  const exact = (): V => {
    const lift = 64;
    const small = l.lt(x, l.constant(tiny));
    const lifted = logNormal(l, l.mul(x, l.constant(2 ** lift)), -lift);
    const value = l.select(small, lifted, logNormal(l, x, 0));
    return poleAt(l, x, { pole: 0, value: unlessInfinite(l, x, value) });
  };
  return l.rarely(outside(l, x, [tiny, huge]), exact, logNormal(l, x, 0));
}

/** log(1 + x) for x in (−1, 2^100]: f = x·2^−k − (1 − 2^−k) has only its own rounding error. */
function log1pNormal<V>(l: Lanes<V>, x: V): V {
  const { bias, fraction } = formatOf(l);
  const { negatedK, exponent } = split(l, l.add(x, l.constant(1)));
  const scale = l.isub(l.bits(BigInt(2 * bias) << BigInt(fraction)), exponent);
  return combine(l, negatedK, { f: l.sub(l.mul(x, scale), l.sub(l.constant(1), scale)) });
}

/** log(1 + x), accurate near 0. */
export function log1p<V>(l: Lanes<V>, x: V): V {
  const nextAboveMinusOne = -1 + 2 ** -(formatOf(l).fraction + 1);
  const exact = (): V => {
    const big = l.lt(l.constant(2 ** 100), x);
    const value = l.select(big, logNormal(l, x, 0), log1pNormal(l, x));
    return poleAt(l, x, { pole: -1, value: unlessInfinite(l, x, value) });
  };
  return l.rarely(outside(l, x, [nextAboveMinusOne, 2 ** 100]), exact, log1pNormal(l, x));
}

/** log(1 + sum + lost), lost within an ulp of sum ≥ 0, sum ≤ 2^100. */
export function log1pSum<V>(l: Lanes<V>, sum: V, lost: V): V {
  const { bias, fraction } = formatOf(l);
  const { negatedK, exponent } = split(l, l.add(sum, l.constant(1)));
  const scale = l.isub(l.bits(BigInt(2 * bias) << BigInt(fraction)), exponent);
  const [part, complement] = [l.mul(sum, scale), l.sub(l.constant(1), scale)];
  const f = l.sub(part, complement);
  const back = l.sub(f, part);
  const error = l.sub(l.sub(part, l.sub(f, back)), l.add(complement, back));
  return combine(l, negatedK, { f, lost: l.fma(lost, scale, error) });
}

/** log1p(u) − u + rest for u in [0, 1]. */
function log1pUnitTail<V>(l: Lanes<V>, u: V, rest: V): V {
  const { unit } = tables[l.dtype];
  if (l.dtype === "f64") return artanhTail(l, u, { coefficients: unit, rest });
  return l.fma(l.mul(u, u), polynomial(l, unit, u), rest);
}

/** e^−a for a ≥ 0, down to the subnormals (scaled by 2^64 and back), and what its rounding lost. */
function expNegative<V>(l: Lanes<V>, a: V): { value: V; lost: () => V } {
  const inRange = atMost(l, a, l.constant(-expTable(l).range[0]));
  const { n, t } = roundedMultiple(l, inRange, { factor: -Math.LOG2E, offset: formatOf(l).bias + 64 });
  const w = expm1Reduced(l, addLn2Multiple(l, inRange, { n, unit: 1 }), -1);
  const p = l.add(w, l.constant(1));
  const scale = powerOfTwo(l, t);
  const lost = (): V => l.mul(l.sub(w, l.sub(p, l.constant(1))), scale);
  return { value: l.mul(l.mul(p, scale), l.constant(2 ** -64)), lost };
}

/**
 * log(1 + e^x) = max(x, 0) + log1p(u), u = e^−|x|, the parts smaller than the result summed first. What u lost
 * counts 1/(1 + u), for which 0.7 is near enough; in f64 it is not needed.
 */
export function softplus<V>(l: Lanes<V>, x: V): V {
  const { value: u, lost } = expNegative(l, l.abs(x));
  const linear = atLeast(l, x, l.constant(0));
  const rest = l.dtype === "f32" ? l.fma(lost(), l.constant(0.7 * 2 ** -64), linear) : linear;
  return l.add(u, log1pUnitTail(l, u, rest));
}
