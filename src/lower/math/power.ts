/**
 * x^y = 2^(y·log₂ x), log₂ x and the product in two parts each.
 *
 * log₂ needs about 12 bits more than the type has (the exponent multiplies its relative error), so it is carried
 * as high + low with high cut to half the bits: products of two cut numbers are exact, whatever `fma` does. The
 * scheme is fdlibm's (Sun, 1993), without its table. Everything but ordinary positive x goes through `rarely`.
 */

import type { Dtype, Lanes } from "../lanes.ts";
import { expm1Reduced, roundedMultiple, scaleTwice } from "./exp.ts";
import { clamp, formatOf, outside, polynomial, signBit } from "./format.ts";
import { split } from "./log.ts";

/** Constants of the power for one dtype. */
interface PowerTable {
  /** 3·(artanh s / s − 1 − s²/3)/s⁴, in s². */
  readonly artanh: readonly number[];
  /** 2/(3·ln 2) = cut + rest. */
  readonly scale: readonly [cut: number, rest: number];
  /** ln 2 = cut + rest. */
  readonly ln2: readonly [cut: number, rest: number];
  /** Keeps the upper half of a float's bits. */
  readonly halfMask: bigint;
  /** No |y| above changes the result. */
  readonly largeY: number;
  /** 2^z is 0 below and infinite above. */
  readonly range: readonly [number, number];
}

const tables: Record<Dtype, PowerTable> = {
  f32: {
    artanh: [0.600002289, 0.428207994, 0.351258606],
    scale: [0.9619140625, -0.00011736857402439509],
    ln2: [0.693115234375, 3.1946184945309415e-5],
    halfMask: 0xfffff000n,
    largeY: 2 ** 40,
    range: [-152, 130],
  },
  f64: {
    artanh: [
      0.60000000000003051, 0.4285714285528156, 0.33333333759393591, 0.27272678144659579, 0.23080069613162787,
      0.19886641846477052, 0.19782349507461794,
    ],
    scale: [0.9617967009544373, -7.028461650952758e-9],
    ln2: [0.6931471824645996, -1.904654299957768e-9],
    halfMask: 0xfffffffff8000000n,
    largeY: 2 ** 80,
    range: [-1080, 1026],
  },
};

/** A number as high, cut to half the bits, and the rest. */
interface Halves<V> {
  readonly high: V;
  readonly low: V;
}

/** The upper half of x's bits. */
function cut<V>(l: Lanes<V>, x: V): V {
  return l.and(x, l.bits(tables[l.dtype].halfMask));
}

/** s = (m − 1)/(m + 1) in halves. */
function quotient<V>(l: Lanes<V>, m: V): Halves<V> & { whole: V } {
  const one = l.constant(1);
  const above = l.sub(m, one);
  const below = l.add(m, one);
  const inverse = l.div(one, below);
  const whole = l.mul(above, inverse);
  const high = cut(l, whole);
  const belowHigh = cut(l, below);
  const belowLow = l.sub(m, l.sub(belowHigh, one));
  const rest = l.sub(l.sub(above, l.mul(high, belowHigh)), l.mul(high, belowLow));
  return { whole, high, low: l.mul(inverse, rest) };
}

/** 3·artanh s in halves: s·(3 + s² + s⁴·p(s²)). */
function tripleArtanh<V>(l: Lanes<V>, s: Halves<V> & { whole: V }): Halves<V> {
  const three = l.constant(3);
  const square = l.mul(s.high, s.high);
  const z = l.mul(s.whole, s.whole);
  const cross = l.mul(s.low, l.add(s.high, s.whole));
  const rest = l.fma(l.mul(z, z), polynomial(l, tables[l.dtype].artanh, z), cross);
  const factorHigh = cut(l, l.add(l.add(three, square), rest));
  const factorLow = l.sub(rest, l.sub(l.sub(factorHigh, three), square));
  const lead = l.mul(s.high, factorHigh);
  const tail = l.add(l.mul(s.low, factorHigh), l.mul(factorLow, s.whole));
  const high = cut(l, l.add(lead, tail));
  return { high, low: l.sub(tail, l.sub(high, lead)) };
}

/** log₂ x in halves, for normal x > 0 lifted by 2^−k. */
function log2Halves<V>(l: Lanes<V>, x: V, lift: V): Halves<V> {
  const { negatedK, m } = split(l, x);
  const k = l.sub(lift, negatedK);
  const triple = tripleArtanh(l, quotient(l, m));
  const [scaleCut, scaleRest] = tables[l.dtype].scale;
  const lead = l.mul(triple.high, l.constant(scaleCut));
  const small = l.mul(l.add(triple.high, triple.low), l.constant(scaleRest));
  const tail = l.add(small, l.mul(triple.low, l.constant(scaleCut)));
  const high = cut(l, l.add(l.add(lead, tail), k));
  return { high, low: l.sub(tail, l.sub(l.sub(high, k), lead)) };
}

/** 2^(high + low), high + low rounded being z. */
function exp2Sum<V>(l: Lanes<V>, high: V, low: V): V {
  const { ln2, range } = tables[l.dtype];
  const z = clamp(l, l.add(high, low), range);
  const { n, t } = roundedMultiple(l, z, { factor: 1, offset: 2 * formatOf(l).bias });
  const lead = l.sub(high, n);
  const r = clamp(l, l.add(lead, low), [-1, 1]);
  const rHigh = cut(l, r);
  const rLow = clamp(l, l.sub(low, l.sub(rHigh, lead)), [-1, 1]);
  const wHigh = l.mul(rHigh, l.constant(ln2[0]));
  const wLow = l.fma(rLow, l.constant(Math.LN2), l.mul(rHigh, l.constant(ln2[1])));
  const w = l.add(wHigh, wLow);
  const beyond = l.sub(wLow, l.sub(w, wHigh));
  const p = l.add(expm1Reduced(l, w, 1), l.fma(beyond, w, beyond));
  return scaleTwice(l, l.add(p, l.constant(1)), t);
}

/** a^y for positive normal a·2^lift. */
function powPositive<V>(l: Lanes<V>, { a, lift, y }: { a: V; lift: V; y: V }): V {
  const { largeY } = tables[l.dtype];
  const bounded = clamp(l, y, [-largeY, largeY]);
  const yHigh = cut(l, bounded);
  const log2 = log2Halves(l, a, lift);
  const small = l.add(l.mul(l.sub(bounded, yHigh), log2.high), l.mul(bounded, log2.low));
  return exp2Sum(l, l.mul(yHigh, log2.high), small);
}

/** Masks of the lanes where y is an integer, and an odd one. */
function parity<V>(l: Lanes<V>, y: V): { integer: V; odd: V } {
  const integer = l.eq(l.floor(y), y);
  const half = l.mul(y, l.constant(0.5));
  return { integer, odd: l.and(integer, l.ne(l.floor(half), half)) };
}

/** x^y for every x and y. */
function powAny<V>(l: Lanes<V>, x: V, y: V): V {
  const [zero, one] = [l.constant(0), l.constant(1)];
  const [infinite, notNumber] = [l.constant(Infinity), l.constant(Number.NaN)];
  const a = l.abs(x);
  const small = l.lt(a, l.constant(formatOf(l).tiny));
  const lifted = l.select(small, l.mul(a, l.constant(2 ** 64)), a);
  const ordinary = powPositive(l, { a: lifted, lift: l.and(small, l.constant(-64)), y });
  const atZero = l.select(l.lt(y, zero), infinite, zero);
  const atInfinity = l.select(l.lt(y, zero), zero, infinite);
  const edge = l.select(l.eq(a, zero), atZero, l.select(l.eq(a, infinite), atInfinity, ordinary));
  const { integer, odd } = parity(l, y);
  const signed = l.xor(edge, l.and(odd, signBit(l, x)));
  const finite = l.and(l.lt(x, zero), l.lt(a, infinite));
  const real = l.select(l.and(finite, l.eq(integer, zero)), notNumber, signed);
  const proper = l.select(l.or(l.ne(x, x), l.ne(y, y)), notNumber, real);
  return l.select(l.or(l.eq(x, one), l.eq(y, zero)), one, proper);
}

/** x to the power y. */
export function pow<V>(l: Lanes<V>, x: V, y: V): V {
  const { tiny, huge } = formatOf(l);
  const fast = powPositive(l, { a: x, lift: l.constant(0), y });
  const special = l.or(outside(l, x, [tiny, huge]), outside(l, y, [-huge, huge]));
  return l.rarely(special, () => powAny(l, x, y), fast);
}
