/** NdArray: checked access, views, nesting, and text that equals numpy's (numpy-print.json was written by numpy 2.4). */

import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { NdArray } from "../../src/data/ndarray.ts";
import { UsageError } from "../../src/errors.ts";

interface PrintCase {
  dtype: "f32" | "f64";
  shape: number[];
  data: (number | string)[];
  str: string | null;
  repr: string;
}

const cases: PrintCase[] = JSON.parse(
  readFileSync(new URL("../fixtures/numpy-print.json", import.meta.url), "utf8"),
);

function toNumber(entry: number | string): number {
  const special: Record<string, number> = { nan: NaN, inf: Infinity, "-inf": -Infinity, "-0.0": -0 };
  return typeof entry === "number" ? entry : (special[entry] as number);
}

describe("text", () => {
  it.each(cases.map((c, i) => ({ name: `case ${i}: ${c.dtype} [${c.shape}]`, ...c })))("$name", (c) => {
    const numbers = c.data.map(toNumber);
    const array = new NdArray(
      c.dtype === "f32" ? new Float32Array(numbers) : new Float64Array(numbers),
      c.shape,
    );
    expect(inspect(array)).toBe(c.repr);
    if (c.str !== null) expect(`${array}`).toBe(c.str);
  });
});

describe("access", () => {
  const array = new NdArray(
    Float64Array.from({ length: 24 }, (_, i) => i),
    [2, 3, 4],
  );

  it("reads elements row-major, from the end too", () => {
    expect(array.at(1, 2, 3)).toBe(23);
    expect(array.at(0, 1, 2)).toBe(6);
    expect(array.at(-1, -3, 0)).toBe(12);
  });

  it("names the axis that an index leaves", () => {
    expect(() => array.at(0, 3, 0)).toThrow("index 3 is outside axis 1 of shape (2, 3, 4)");
    expect(() => array.at(0, -4, 0)).toThrow(UsageError);
    expect(() => array.at(0, 0.5, 0)).toThrow(UsageError);
    expect(() => array.at(0, Number.NaN, 0)).toThrow(UsageError);
    expect(() => array.at(0, 1)).toThrow("takes 3 indices");
  });

  it("gives rows that share memory", () => {
    const row = array.row(1);
    expect(row.shape).toEqual([3, 4]);
    expect(row.data.buffer).toBe(array.data.buffer);
    expect(row.row(2).toArray()).toEqual([20, 21, 22, 23]);
    expect([...array].map((r) => r.at(0, 0))).toEqual([0, 12]);
    expect(() => array.row(2)).toThrow("index 2 is outside axis 0");
  });

  it("nests, also at rank 0 and with empty axes", () => {
    expect(new NdArray(new Float32Array([1, 2, 3, 4]), [2, 2]).toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(new NdArray(new Float64Array([7]), []).toArray()).toBe(7);
    expect(new NdArray(new Float64Array(0), [2, 0]).toArray()).toEqual([[], []]);
    expect(new NdArray(new Float64Array(0), [0, 2]).toArray()).toEqual([]);
    expect(new NdArray(new Float64Array(0), [2, 0, 3]).toArray()).toEqual([[], []]);
  });

  it("knows its sizes and goes to JSON and back as { data, shape }", () => {
    expect([array.size, array.length, array.rank, array.dtype]).toEqual([24, 2, 3, "f64"]);
    const small = new NdArray(new Float32Array([1, 2]), [2, 1]);
    expect(JSON.parse(JSON.stringify(small))).toEqual({ shape: [2, 1], dtype: "f32", data: [1, 2] });
  });

  it("refuses a shape that does not fit the data", () => {
    expect(() => new NdArray(new Float64Array(5), [2, 3])).toThrow(
      "shape (2, 3) holds 6 numbers, but data has 5",
    );
    expect(() => new NdArray(new Float64Array(1), [-1, -1])).toThrow(UsageError);
    expect(() => new NdArray(new Float64Array(1), [2 ** 40, 2 ** 40])).toThrow("too many");
  });
});
