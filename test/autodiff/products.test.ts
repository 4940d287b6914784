import { describe, expect, test } from "vitest";
import { countNodes, expandJacobians } from "../../src/autodiff/index.ts";
import { Builder } from "../../src/ir/builder.ts";
import { nodesOf, programOf } from "../../src/ir/graph.ts";
import { at, sizeOf } from "../../src/ir/shape.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import { distance, valuesAt } from "./differences.ts";
import { numbers, pointOf, programFor, type Scenario, smoothScenarios } from "./scenarios.ts";

type Side = "out" | "in";

/** J · V or Vᵀ · J of a scenario, V of shape (…axes, 2); with `formed` also J itself, which forms it. */
function productProgram(scenario: Scenario, side: Side, formed: boolean): Program {
  const inner = programFor(scenario);
  const b = new Builder();
  const x = b.input("x", scenario.shape);
  const J = b.jacobian(inner, [x], { output: 0, wrt: 0 });
  const rank = at(inner.outputs, 0).value.shape.length;
  const labels = J.shape.map((_, index) => index);
  const [outputs, inputs] = [labels.slice(0, rank), labels.slice(rank)];
  const [summed, kept] = side === "out" ? [outputs, inputs] : [inputs, outputs];
  const shape = [2, ...summed.map((label) => at(J.shape, label))];
  const vector = b.input("v", shape);
  const value: Node = b.contract(vector, J, { a: [99, ...summed], b: labels, out: [...kept, 99] });
  return programOf(
    "product",
    [x, vector],
    [{ name: "p", value }, ...(formed ? [{ name: "J", value: J }] : [])],
  );
}

describe("products with a Jacobian equal products with the formed one", () => {
  const scenarios = smoothScenarios.filter(
    (scenario) => at(programFor(scenario).outputs, 0).value.shape.length > 0,
  );
  test.each(scenarios)("$name", (scenario) => {
    for (const side of ["out", "in"] as const) {
      const [lean, formed] = [false, true].map((whole) =>
        expandJacobians(productProgram(scenario, side, whole)),
      );
      const inputs = [
        pointOf(scenario),
        Float64Array.from(numbers(sizeOf(at(lean?.inputs ?? [], 1).shape), 3)),
      ];
      const [p, q] = [lean, formed].map((program) => at(valuesAt(program as Program, inputs), 0));
      expect(distance(p as Float64Array, q as Float64Array), side).toBeLessThan(1e-12);
    }
  });
});

test("Vᵀ · J of a network costs a few passes, not one per output", () => {
  const wide: Scenario = {
    name: "8-32-64",
    shape: [8],
    make: (b, x) => {
      const dense = (h: Node, out: number): Node =>
        b.contract(b.constant(Float64Array.from(numbers(out * at(h.shape, 0))), [out, at(h.shape, 0)]), h, {
          a: [0, 1],
          b: [1],
          out: [0],
        });
      return dense(b.unary("tanh", dense(x, 32)), 64);
    },
  };
  const cost = (formed: boolean): number =>
    countNodes(nodesOf(expandJacobians(productProgram(wide, "out", formed)))).multiplications;
  expect(cost(false)).toBeLessThan(cost(true) / 2);
});
