/** Formulas written for several vectors at once give each of them the bits it has alone. */

import { expect, test } from "vitest";
import type { Dtype, TableFormula, TableLanes } from "../../src/lower/lanes.ts";
import { unsigned, withSign } from "../../src/lower/math/format.ts";
import { elementaryUnary, steady } from "../../src/lower/math/index.ts";
import { tableFormulas } from "../../src/lower/math/pieces.ts";
import { byTurns, Together, together } from "../../src/lower/math/together.ts";
import { scalarLanes, toBits } from "./scalar-lanes.ts";

const formulas: Readonly<Record<string, TableFormula>> = elementaryUnary;

test.each([
  ...[...steady].flatMap((name) => [
    { name, dtype: "f32", formula: formulas[name] },
    { name, dtype: "f64", formula: formulas[name] },
  ]),
  ...Object.entries(tableFormulas).map(([name, formula]) => ({
    name: `${name} by tables`,
    dtype: "f32",
    formula,
  })),
] as { name: string; dtype: Dtype; formula: TableFormula }[])("$name, $dtype", ({ dtype, formula }) => {
  const lanes = scalarLanes(dtype, "fused");
  const arguments_ = [-20, -1.5, -0, 0.0625, 0.7, 3.3, Number.NaN].map((x) => toBits(dtype, x));
  const all = formula(together(lanes), new Together(arguments_));
  expect(all.items).toEqual(arguments_.map((x) => formula(lanes, x)));
});

test("the functions without rare paths are all that have none", () => {
  const rare = Object.keys(formulas).filter((name) => {
    const lanes = scalarLanes("f32", "fused");
    let asked = false;
    const rarely = (_: bigint, __: () => bigint, fast: bigint): bigint => {
      asked = true;
      return fast;
    };
    formulas[name]?.({ ...lanes, rarely }, toBits("f32", 0.7));
    return asked;
  });
  expect(Object.keys(formulas).filter((name) => !rare.includes(name))).toEqual([...steady]);
});

test("a value of one stands for all", () => {
  const lanes = scalarLanes("f32", "fused");
  const l = together(lanes);
  const [two, three] = [2, 3].map((x) => toBits("f32", x)) as [bigint, bigint];
  const sum = l.add(new Together([two, three]), l.constant(1));
  expect(sum.items).toEqual([3, 4].map((x) => toBits("f32", x)));
});

test("a square takes what had its sign put on it, alone and by turns", () => {
  const lanes = { or: (a: number[], b: number[]) => [...a, ...b], and: (a: number[]) => a, bits: () => [0] };
  const objects = { ...lanes, dtype: "f32" } as unknown as TableLanes<number[]>;
  const magnitudes = [[1], [2]];
  const alone = withSign(objects, magnitudes[0] as number[], [-1]);
  expect(unsigned(alone)).toBe(magnitudes[0]);
  const formula: TableFormula = (l, x) => withSign(l, x, x);
  expect(byTurns(objects, formula, magnitudes).map(unsigned)).toEqual(magnitudes);
  expect(unsigned(7)).toBe(7);
});
