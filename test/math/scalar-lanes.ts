/**
 * `Lanes` executed one lane at a time in JavaScript, to check formulas without WebAssembly.
 *
 * In: lane values as bit patterns (bigint). Out: bit patterns, exactly as hardware would give them, with `fma`
 * rounding once ("fused") or twice ("split"). Every operation is counted; `rarely` evaluates only what it takes.
 */

import type { Dtype, Lanes, TableLanes } from "../../src/lower/lanes.ts";

const buffer = new DataView(new ArrayBuffer(8));

/** The float with this bit pattern. */
export function toFloat(dtype: Dtype, bits: bigint): number {
  if (dtype === "f64") {
    buffer.setBigUint64(0, bits);
    return buffer.getFloat64(0);
  }
  buffer.setUint32(0, Number(bits));
  return buffer.getFloat32(0);
}

/** The bit pattern of this float, rounded to the dtype. */
export function toBits(dtype: Dtype, value: number): bigint {
  if (dtype === "f64") {
    buffer.setFloat64(0, value);
    return buffer.getBigUint64(0);
  }
  buffer.setFloat32(0, value);
  return BigInt(buffer.getUint32(0));
}

/** a·b as an unevaluated sum of two doubles (Dekker), barring overflow. */
function twoProduct(a: number, b: number): [number, number] {
  const split = (v: number): [number, number] => {
    const t = 134217729 * v;
    const high = t - (t - v);
    return [high, v - high];
  };
  const p = a * b;
  const [ah, al] = split(a);
  const [bh, bl] = split(b);
  return [p, al * bl - (p - ah * bh - al * bh - ah * bl)];
}

/** a + b as an unevaluated sum of two doubles (Knuth). */
function twoSum(a: number, b: number): [number, number] {
  const s = a + b;
  const t = s - a;
  return [s, a - (s - t) + (b - t)];
}

/** a + b rounded to odd: never a tie later, so a second rounding is harmless. */
function addToOdd(a: number, b: number): number {
  const [s, error] = twoSum(a, b);
  const bits = toBits("f64", s);
  if (error === 0 || !Number.isFinite(s) || (bits & 1n) === 1n) return s;
  const away = error > 0 === s > 0;
  return toFloat("f64", away ? bits + 1n : bits - 1n);
}

/** a·b + c rounded once to double (Boldo and Melquiond), scaled where the parts would leave the range. */
function fusedDouble(a: number, b: number, c: number): number {
  const product = a * b;
  if (!Number.isFinite(product + c) && !(Number.isFinite(a) && Number.isFinite(b) && Number.isFinite(c))) {
    return product + c;
  }
  if (product !== 0 && Math.abs(product) < 2 ** -900 && Math.abs(c) < 2 ** -800) {
    return fusedDouble(a * 2 ** 100, b * 2 ** 100, c * 2 ** 200) * 2 ** -200;
  }
  if (Math.abs(a) > 2 ** 990) return 2 * fusedDouble(a / 2, b, c / 2);
  if (Math.abs(b) > 2 ** 990) return 2 * fusedDouble(a, b / 2, c / 2);
  if (product === 0) return product + c;
  const [ph, pl] = twoProduct(a, b);
  const [th, tl] = twoSum(c, pl);
  const [vh, vl] = twoSum(ph, th);
  return vh === 0 && tl + vl === 0 ? product + c : vh + addToOdd(tl, vl);
}

/** How `fma` rounds. */
export type FmaMode = "fused" | "split";

/** Lanes over bit patterns, with a count of the operations performed. */
export interface ScalarLanes extends TableLanes<bigint> {
  /** Operations so far, constants not counted. */
  count: number;
}

type Tally = <A extends unknown[]>(operation: (...args: A) => bigint) => (...args: A) => bigint;
type BitOperation = "select" | "and" | "or" | "xor" | "shl" | "shr" | "sar" | "iadd" | "isub" | "imul";

/** The operations on bit patterns. */
function bitLanes(width: number, tally: Tally): Pick<Lanes<bigint>, BitOperation> {
  const ones = (1n << BigInt(width)) - 1n;
  const integer = (operation: (x: bigint, y: bigint) => bigint) =>
    tally((x: bigint, y: bigint) => operation(x, y) & ones);
  const shift = (operation: (x: bigint, by: bigint) => bigint) =>
    tally((x: bigint, by: number) => operation(x, BigInt(by)) & ones);
  return {
    select: tally((mask: bigint, x: bigint, y: bigint) => (x & mask) | (y & ~mask & ones)),
    and: integer((x, y) => x & y),
    or: integer((x, y) => x | y),
    xor: integer((x, y) => x ^ y),
    shl: shift((x, by) => x << by),
    shr: shift((x, by) => x >> by),
    sar: shift((x, by) => BigInt.asIntN(width, x) >> by),
    iadd: integer((x, y) => x + y),
    isub: integer((x, y) => x - y),
    imul: integer((x, y) => x * y),
  };
}

type TableOperation = Exclude<keyof TableLanes<bigint>, keyof Lanes<bigint>>;

/** Look-ups, and floats taken apart. */
function tableLanes(dtype: Dtype, tally: Tally): Pick<TableLanes<bigint>, TableOperation> {
  const f = (v: bigint): number => toFloat(dtype, v);
  const b = (v: number): bigint => toBits(dtype, v);
  return {
    permute: (table, index) => b(table[Number(index) % table.length] as number),
    scale: tally((x: bigint, n: bigint) => b(f(x) * 2 ** Math.floor(f(n)))),
    exponent: tally((x: bigint) => b(Math.floor(Math.log2(Math.abs(f(x)))))),
    mantissa: tally((x: bigint) => b(mantissaOf(f(x)))),
  };
}

/** Builds lanes for a dtype and a rounding of `fma`. */
export function scalarLanes(dtype: Dtype, mode: FmaMode): ScalarLanes {
  const width = dtype === "f32" ? 32 : 64;
  const ones = (1n << BigInt(width)) - 1n;
  const sign = 1n << BigInt(width - 1);
  const f = (v: bigint): number => toFloat(dtype, v);
  const b = (v: number): bigint => toBits(dtype, v);
  const round = dtype === "f32" ? Math.fround : (v: number): number => v;
  const fused = (x: number, y: number, z: number): number =>
    dtype === "f32" ? addToOdd(x * y, z) : fusedDouble(x, y, z);
  const split = (x: number, y: number, z: number): number => round(x * y) + z;
  const multiplyAdd = mode === "fused" ? fused : split;
  const tally: Tally = <A extends unknown[]>(operation: (...args: A) => bigint) => {
    return (...args: A): bigint => {
      lanes.count += 1;
      return operation(...args);
    };
  };
  const unary = (operation: (x: number) => number) => tally((x: bigint) => b(operation(f(x))));
  const binary = (operation: (x: number, y: number) => number) =>
    tally((x: bigint, y: bigint) => b(operation(f(x), f(y))));
  const test = (operation: (x: number, y: number) => boolean) =>
    tally((x: bigint, y: bigint) => (operation(f(x), f(y)) ? ones : 0n));
  const lanes: ScalarLanes = {
    count: 0,
    dtype,
    constant: b,
    bits: (value) => value & ones,
    add: binary((x, y) => x + y),
    sub: binary((x, y) => x - y),
    mul: binary((x, y) => x * y),
    div: binary((x, y) => x / y),
    fma: tally((x: bigint, y: bigint, z: bigint) => b(multiplyAdd(f(x), f(y), f(z)))),
    fnma: tally((x: bigint, y: bigint, z: bigint) => b(multiplyAdd(-f(x), f(y), f(z)))),
    neg: tally((x: bigint) => x ^ sign),
    abs: tally((x: bigint) => x & ~sign),
    sqrt: unary(Math.sqrt),
    floor: unary(Math.floor),
    ceil: unary(Math.ceil),
    trunc: unary(Math.trunc),
    nearest: unary((x) => (Math.abs(x) < 2 ** 52 ? withSignOf(x, Math.abs(x) + 2 ** 52 - 2 ** 52) : x)),
    min: binary(Math.min),
    max: binary(Math.max),
    pmin: tally((x: bigint, y: bigint) => (f(y) < f(x) ? y : x)),
    pmax: tally((x: bigint, y: bigint) => (f(x) < f(y) ? y : x)),
    lt: test((x, y) => x < y),
    le: test((x, y) => x <= y),
    eq: test((x, y) => x === y),
    ne: test((x, y) => x !== y),
    ...bitLanes(width, tally),
    lookup: (table, index) => {
      const entry = table[Number(index)];
      if (entry === undefined) throw new RangeError(`lookup ${index} of ${table.length}`);
      return entry & ones;
    },
    ...tableLanes(dtype, tally),
    rarely: (mask, exact, fast) => (mask === 0n ? fast : exact()),
  };
  return lanes;
}

/** The power of two times x > 0 that lies in [1, 2); 1 for 0 and ∞. */
function mantissaOf(x: number): number {
  if (x === 0 || x === Infinity) return 1;
  return x > 0 ? x / 2 ** Math.floor(Math.log2(x)) : Number.NaN;
}

/** |magnitude| with the sign of x, −0 included. */
function withSignOf(x: number, magnitude: number): number {
  return x < 0 || Object.is(x, -0) ? -magnitude : magnitude;
}
