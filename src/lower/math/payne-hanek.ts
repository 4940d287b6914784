/**
 * Reduction of large arguments modulo π/2 (Payne and Hanek, 1983), in lane arithmetic.
 *
 * In: a = |x|, above the range of the fast reduction. Out: the quadrant's low bits and r = high + low in
 * [−π/4, π/4], high within half an ulp. x = m·2^e, m an integer: the bits of 1/2π above 2^−e contribute whole
 * turns, so only a window of them is multiplied, digit by digit (12 bits in f32, 27 in f64; products stay exact).
 */

import type { Dtype, Lanes } from "../lanes.ts";
import { formatOf } from "./format.ts";

/** Digit width, first exponent of the table, π/2 in parts, and the mask that cuts a float to half its bits. */
interface Window {
  readonly digit: number;
  readonly firstExponent: number;
  readonly halfPi: readonly [number, number];
  readonly halfMask: bigint;
}

const windows: Record<Dtype, Window> = {
  f32: {
    digit: 12,
    firstExponent: -12,
    halfPi: [1.57080078125, -4.454454938240815e-6],
    halfMask: 0xfffff000n,
  },
  f64: {
    digit: 27,
    firstExponent: -36,
    halfPi: [1.5707963407039642, -1.3909067614167116e-8],
    halfMask: 0xfffffffff8000000n,
  },
};

const lookups = 4;
const digitsUsed = 2 * lookups - 1;
const precision = 1400n;

/** artan(1/n)·2^precision. */
function inverseTangent(n: bigint): bigint {
  let power = (1n << precision) / n;
  let sum = 0n;
  for (let k = 1n; power !== 0n; k += 2n, power /= -n * n) sum += power / k;
  return sum;
}

const tables = new Map<Dtype, readonly bigint[]>();

/** Entry j: the 2·digit bits of 1/2π that follow its first (firstExponent + j) bits after the point. */
function windowTable(dtype: Dtype): readonly bigint[] {
  const known = tables.get(dtype);
  if (known !== undefined) return known;
  const { digit, firstExponent } = windows[dtype];
  const lastExponent = (dtype === "f32" ? 128 - 23 : 1024 - 52) + 2 * digit * (lookups - 1);
  const pi = 16n * inverseTangent(5n) - 4n * inverseTangent(239n);
  const turn = (1n << (2n * precision)) / (2n * pi);
  const mask = (1n << BigInt(2 * digit)) - 1n;
  const entry = (_: unknown, j: number): bigint =>
    (turn >> (precision - BigInt(firstExponent + j + 2 * digit))) & mask;
  const table = Array.from({ length: lastExponent - firstExponent + 1 }, entry);
  tables.set(dtype, table);
  return table;
}

/** The fraction of |x|/2π as digits, most significant first, carries not yet propagated. */
function turnDigits<V>(l: Lanes<V>, a: V): V[] {
  const { fraction, bias } = formatOf(l);
  const { digit, firstExponent } = windows[l.dtype];
  const fractionMask = (1n << BigInt(fraction)) - 1n;
  const digitMask = l.bits((1n << BigInt(digit)) - 1n);
  const m = l.or(l.and(a, l.bits(fractionMask)), l.bits(fractionMask + 1n));
  const [mHigh, mLow] = [l.shr(m, digit), l.and(m, digitMask)];
  const index = l.isub(l.shr(a, fraction), l.bits(BigInt(bias + fraction + firstExponent)));
  const digits = Array.from({ length: lookups }, (_, i) => {
    const at = l.iadd(index, l.bits(BigInt(2 * digit * i)));
    const pair = l.lookup(windowTable(l.dtype), at);
    return [l.shr(pair, digit), l.and(pair, digitMask)];
  }).flat();
  return digits
    .slice(0, digitsUsed)
    .map((d, k) => l.iadd(l.imul(mLow, d), l.imul(mHigh, digits[k + 1] as V)));
}

/** A small signed integer as a float. */
function toFloat<V>(l: Lanes<V>, integer: V): V {
  const magic = l.constant(formatOf(l).magic);
  return l.sub(l.iadd(integer, magic), magic);
}

/** Quadrant and the signed fraction of a quadrant as floats, most significant first, each within half a unit. */
function quadrantAndFraction<V>(l: Lanes<V>, sums: readonly V[]): { quadrant: V; parts: V[] } {
  const { digit } = windows[l.dtype];
  const rounded = (v: V, width: number): V => l.shr(l.iadd(v, l.bits(1n << BigInt(width - 1))), width);
  const parts: V[] = [];
  let carry = l.bits(0n);
  for (let k = sums.length - 1; k >= 1; k--) {
    const sum = l.iadd(sums[k] as V, carry);
    carry = rounded(sum, digit);
    const balanced = toFloat(l, l.isub(sum, l.shl(carry, digit)));
    parts.unshift(l.mul(balanced, l.constant(2 ** -(digit * (k + 1) - 2))));
  }
  const top = l.and(l.iadd(sums[0] as V, carry), l.bits((1n << BigInt(digit)) - 1n));
  const quadrant = rounded(top, digit - 2);
  const lead = toFloat(l, l.isub(top, l.shl(quadrant, digit - 2)));
  return { quadrant, parts: [l.mul(lead, l.constant(2 ** -(digit - 2))), ...parts] };
}

/** Sum of parts as high + low: the leading pairs are exact sums, so no cancellation can lose bits. */
function doubleSum<V>(l: Lanes<V>, parts: readonly V[]): { high: V; low: V } {
  const pair = (i: number): V => l.add(parts[i] as V, parts[i + 1] as V);
  const [first, second, third] = [pair(0), pair(2), pair(4)];
  const high = l.add(first, second);
  return { high, low: l.add(l.sub(second, l.sub(high, first)), third) };
}

/** Quadrant (low two bits) and r = high + low of a ≥ 2^firstExponent·2^fraction; NaN for infinities and NaN. */
export function reduceLarge<V>(l: Lanes<V>, a: V): { quadrant: V; high: V; low: V } {
  const { halfPi, halfMask } = windows[l.dtype];
  const { quadrant, parts } = quadrantAndFraction(l, turnDigits(l, a));
  const g = doubleSum(l, parts);
  const cut = l.and(g.high, l.bits(halfMask));
  const rest = l.add(l.sub(g.high, cut), g.low);
  const lead = l.mul(cut, l.constant(halfPi[0]));
  const tail = l.fma(rest, l.constant(Math.PI / 2), l.mul(cut, l.constant(halfPi[1])));
  const high = l.add(lead, tail);
  const poison = l.sub(a, a);
  return { quadrant, high: l.add(high, poison), low: l.add(l.sub(lead, high), tail) };
}
