/**
 * Reads test/fixtures/math/elementary.bin (written by scripts/math/fixtures.py) and measures errors in ulp.
 *
 * In: the file. Out: per function and dtype, points of argument patterns, the correctly rounded value and what
 * the rounding lost. An ulp is the spacing of the type at the true value.
 */

import { readFileSync } from "node:fs";
import type { Dtype } from "../../src/lower/lanes.ts";
import { toFloat } from "./scalar-lanes.ts";

/** One argument (or pair) and its true value: the float `expected` plus `rest` ulp. */
export interface Point {
  readonly args: readonly bigint[];
  readonly expected: number;
  readonly rest: number;
}

/** The points of one function in one dtype. */
export interface PointSet {
  readonly name: string;
  readonly dtype: Dtype;
  readonly points: readonly Point[];
}

interface Header {
  readonly name: string;
  readonly dtype: Dtype;
  readonly arity: number;
  readonly count: number;
}

/** All point sets of the fixture file. */
export function readPointSets(): PointSet[] {
  const bytes = readFileSync(new URL("../fixtures/math/elementary.bin", import.meta.url));
  const end = bytes.indexOf("\n");
  const headers: Header[] = JSON.parse(bytes.subarray(0, end).toString());
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = end + 1;
  return headers.map(({ name, dtype, arity, count }) => {
    const width = dtype === "f32" ? 4 : 8;
    const next = (): bigint => {
      at += width;
      return width === 4 ? BigInt(view.getUint32(at - 4, true)) : view.getBigUint64(at - 8, true);
    };
    const points = Array.from({ length: count }, () => {
      const args = Array.from({ length: arity }, next);
      const expected = toFloat(dtype, next());
      at += 2;
      return { args, expected, rest: view.getInt16(at - 2, true) / 65536 };
    });
    return { name, dtype, points };
  });
}

/** The spacing of floats of this dtype at v. */
function spacing(dtype: Dtype, v: number): number {
  const [digits, lowest] = dtype === "f32" ? [23, -149] : [52, -1074];
  let exponent = Math.floor(Math.log2(Math.abs(v)));
  if (2 ** exponent > Math.abs(v)) exponent -= 1;
  return 2 ** Math.max(exponent - digits, lowest);
}

/** How far `got` is from the true value, in ulp; infinite if only one is NaN or infinite, or a zero's sign is wrong. */
export function ulpError(dtype: Dtype, got: number, { expected, rest }: Omit<Point, "args">): number {
  if (Object.is(got, expected) && !Number.isFinite(got)) return 0;
  const largest = dtype === "f32" ? (2 - 2 ** -23) * 2 ** 127 : Number.MAX_VALUE;
  if (Math.abs(expected) === Infinity) return got === Math.sign(expected) * largest ? 1 : Infinity;
  if (Math.abs(got) === Infinity) return expected === Math.sign(got) * largest ? 1 : Infinity;
  if (Number.isNaN(expected) || Number.isNaN(got)) return Infinity;
  if (expected === 0) return Object.is(got, expected) ? 0 : Infinity;
  return Math.abs((got - expected) / spacing(dtype, expected) - rest);
}
