import { describe, expect, test } from "vitest";
import { planJacobian } from "../../src/autodiff/index.ts";
import { at } from "../../src/ir/shape.ts";
import type { Node } from "../../src/ir/types.ts";
import { valuesAt } from "./differences.ts";
import { kinkScenarios, pointOf, programFor, type Scenario, smoothScenarios } from "./scenarios.ts";

/** The dense Jacobian rebuilt from compressed values and their pattern. */
function rebuilt(scenario: Scenario): { dense: Float64Array; nonzeros: number } {
  const { program, patterns } = planJacobian(programFor(scenario), {
    wrt: [0],
    format: "compressed",
    allowZero: true,
  });
  const values = at(valuesAt(program, [pointOf(scenario)]), 0);
  const { rows, columns, shape } = at(patterns(), 0);
  expect(values.length).toBe(rows.length);
  const dense = new Float64Array(shape[0] * shape[1]);
  values.forEach((value, index) => {
    dense[(rows[index] as number) * shape[1] + (columns[index] as number)] = value;
  });
  return { dense, nonzeros: rows.length };
}

describe("compressed values in their pattern are the dense Jacobian", () => {
  test.each([...smoothScenarios, ...kinkScenarios])("$name", (scenario) => {
    const { program } = planJacobian(programFor(scenario), { wrt: [0], effort: "quick", allowZero: true });
    const dense = at(valuesAt(program, [pointOf(scenario)]), 0);
    const plain = (values: Float64Array): number[] => [...values].map((value) => value + 0);
    const compressed = plain(rebuilt(scenario).dense);
    plain(dense).forEach((value, cell) => expect(compressed[cell]).toBeCloseTo(value, 12));
  });
});

describe("nonzeros of large structured Jacobians", () => {
  const part = (x: Node, start: number, count: number) => ({
    a: x,
    spec: { starts: [start], steps: [1], shape: [count] },
  });
  test("elementwise, d = 10 000", () => {
    const { nonzeros } = rebuilt({ name: "wide", shape: [10_000], make: (b, x) => b.unary("sin", x) });
    expect(nonzeros).toBe(10_000);
  });

  test("a tridiagonal stencil, d = 1000", () => {
    const { nonzeros } = rebuilt({
      name: "stencil",
      shape: [1000],
      make: (b, x) => {
        const [left, mid, right] = [0, 1, 2]
          .map((start) => part(x, start, 998))
          .map(({ a, spec }) => b.slice(a, spec)) as [Node, Node, Node];
        return b.add(b.mul(left, right), b.mul(mid, mid));
      },
    });
    expect(nonzeros).toBe(3 * 998);
  });
});
