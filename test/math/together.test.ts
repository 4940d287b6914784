/** Formulas written for several vectors at once give each of them the bits it has alone. */

import { expect, test } from "vitest";
import { tableFormulas } from "../../src/lower/math/pieces.ts";
import { Together, together } from "../../src/lower/math/together.ts";
import { scalarLanes, toBits } from "./scalar-lanes.ts";

test.each(Object.keys(tableFormulas))("%s", (name) => {
  const lanes = scalarLanes("f32", "fused");
  const formula = tableFormulas[name] as (typeof tableFormulas)[string];
  const arguments_ = [-20, -1.5, -0, 0.0625, 0.7, 3.3, Number.NaN].map((x) => toBits("f32", x));
  const all = formula(together(lanes), new Together(arguments_));
  expect(all.items).toEqual(arguments_.map((x) => formula(lanes, x)));
});

test("a value of one stands for all", () => {
  const lanes = scalarLanes("f32", "fused");
  const l = together(lanes);
  const [two, three] = [2, 3].map((x) => toBits("f32", x)) as [bigint, bigint];
  const sum = l.add(new Together([two, three]), l.constant(1));
  expect(sum.items).toEqual([3, 4].map((x) => toBits("f32", x)));
});
