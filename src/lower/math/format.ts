/**
 * What the formulas need to know about a float type, and the small idioms they share.
 *
 * In: a `Lanes`. Out: its numbers (exponent bias, magic constant) and lane expressions for clamps, signs and
 * polynomials. Everything is built from lane operations only, so equal inputs give equal (shareable) nodes.
 */

import type { Dtype, Lanes } from "../lanes.ts";

/** The layout of a float type. */
export interface Format {
  /** Stored fraction bits: 23 or 52. */
  readonly fraction: number;
  /** Exponent bias: 127 or 1023. */
  readonly bias: number;
  /** Adding 1.5·2^fraction rounds to an integer, which then sits in the low bits. */
  readonly magic: number;
  /** Bit pattern of −0. */
  readonly sign: bigint;
  /** Bit pattern of 1. */
  readonly one: bigint;
  /** Smallest normal number. */
  readonly tiny: number;
  /** Largest finite number. */
  readonly huge: number;
}

const formats: Record<Dtype, Format> = {
  f32: {
    fraction: 23,
    bias: 127,
    magic: 1.5 * 2 ** 23,
    sign: 1n << 31n,
    one: 127n << 23n,
    tiny: 2 ** -126,
    huge: (2 - 2 ** -23) * 2 ** 127,
  },
  f64: {
    fraction: 52,
    bias: 1023,
    magic: 1.5 * 2 ** 52,
    sign: 1n << 63n,
    one: 1023n << 52n,
    tiny: 2 ** -1022,
    huge: Number.MAX_VALUE,
  },
};

/** The layout of the lanes' float type. */
export function formatOf<V>(l: Lanes<V>): Format {
  return formats[l.dtype];
}

/** Σ coefficients[i]·x^i by Horner's rule. */
export function polynomial<V>(l: Lanes<V>, coefficients: readonly number[], x: V): V {
  const [last = 0, ...rest] = [...coefficients].reverse();
  return rest.reduce((sum, c) => l.fma(sum, x, l.constant(c)), l.constant(last));
}

/** The same by Horner's rule in x² over pairs of terms: fewer steps wait for each other. */
export function pairedPolynomial<V>(
  l: Lanes<V>,
  coefficients: readonly number[],
  { x, square }: { x: V; square: V },
): V {
  const pairs = coefficients.flatMap((c, index) =>
    index % 2 === 0 ? [polynomial(l, coefficients.slice(index, index + 2), x)] : [],
  );
  return pairs.reduceRight((sum, pair) => l.fma(sum, square, pair));
}

/** min(x, high), NaN if x is NaN. */
export function atMost<V>(l: Lanes<V>, x: V, high: V): V {
  return l.pmin(x, high);
}

/** max(x, low), NaN if x is NaN. */
export function atLeast<V>(l: Lanes<V>, x: V, low: V): V {
  return l.pmax(x, low);
}

/** x between two constants, NaN if x is NaN. */
export function clamp<V>(l: Lanes<V>, x: V, [low, high]: readonly [number, number]): V {
  return atLeast(l, atMost(l, x, l.constant(high)), l.constant(low));
}

/** The sign bit of x, alone. */
export function signBit<V>(l: Lanes<V>, x: V): V {
  return l.and(x, l.bits(formatOf(l).sign));
}

/** What a sign was put on, by the result. */
const magnitudes = new WeakMap<object, unknown>();

/** magnitude (whose sign bit is clear) with the sign of x. */
export function withSign<V>(l: Lanes<V>, magnitude: V, x: V): V {
  return signed(l.or(magnitude, signBit(l, x)), magnitude);
}

/** Notes that value is magnitude with a sign. */
export function signed<V>(value: V, magnitude: V): V {
  if (typeof value === "object" && value !== null) magnitudes.set(value, magnitude);
  return value;
}

/** A value with the same square, known before its sign is. */
export function unsigned<V>(value: V): V {
  return (magnitudes.get(value as object) as V | undefined) ?? value;
}

/** Mask of the lanes where x lies outside [low, high] or is NaN. */
export function outside<V>(l: Lanes<V>, x: V, range: readonly [number, number]): V {
  return l.ne(clamp(l, x, range), x);
}
