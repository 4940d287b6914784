/** Where products' weights lie: once for all that read them in the same order. */

import { expect, test } from "vitest";
import { layoutOf, packedOnce } from "../../src/codegen/layout.ts";
import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { lower } from "../../src/lower/index.ts";

const layout = (orders: readonly ("forward" | "reverse")[], offsets: readonly number[] = []) => {
  const b = new Builder();
  const weights = b.input("weights", [24, 16], { level: "bound" });
  const inputs = orders.map((_, index) => b.input(`x${index}`, [16]));
  const outputs = inputs.map((x, index) => {
    const from = offsets[index] ?? 0;
    const square = b.slice(weights, { starts: [from, 0], steps: [1, 1], shape: [16, 16] });
    const labels = { a: orders[index] === "forward" ? [0, 1] : [1, 0], b: [1], out: [0] };
    return { name: `y${index}`, value: b.contract(square, x, labels) };
  });
  const lowered = lower(programOf("products", [weights, ...inputs], outputs), { dtype: "f32" });
  const shape = { width: 4, mostRows: 64, blocking: { rows: 4 } };
  const found = layoutOf(lowered, shape);
  return { found, addresses: [...found.packed.values()].map(({ address }) => address) };
};

test("the same weights in the same order are stored once", () => {
  const { found, addresses } = layout(["forward", "reverse", "forward", "reverse"]);
  expect(addresses).toHaveLength(4);
  expect(new Set(addresses).size).toBe(2);
  expect(addresses[2]).toBe(addresses[0]);
  expect(packedOnce(found)).toHaveLength(2);
});

test("other cells of the same weights are stored apart", () => {
  const { addresses } = layout(["forward", "forward", "forward"], [0, 8, 0]);
  expect(new Set(addresses).size).toBe(2);
  expect(addresses[1]).not.toBe(addresses[0]);
});
