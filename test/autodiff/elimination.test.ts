/** The scalar elimination tasks: counts by both rules, values, and the cost of the final program. */

import { describe, expect, test } from "vitest";
import { bundleAdjustment, bundleExample } from "../../bench/tasks/bundle-adjustment.ts";
import {
  type EliminationTask,
  eliminationTasks,
  programOfTask,
  writtenGraph,
} from "../../bench/tasks/elimination.ts";
import { orderCosts, problemOf, writtenProblem } from "../../src/autodiff/elimination.ts";
import { planJacobian } from "../../src/autodiff/index.ts";
import { paperPrices, realPrices, type ScalarProblem } from "../../src/autodiff/scalar-graph.ts";
import { at } from "../../src/ir/shape.ts";
import type { Program } from "../../src/ir/types.ts";
import { lower, operationCounts } from "../../src/lower/index.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { differences, distance, valuesAt } from "./differences.ts";

/** Published counts (arXiv 2406.05027), the best known ones, and CasADi's operations, a division counting 4. */
const EXPECTED = {
  RoeFlux_1d: { paper: [620, 364, 407], best: 295, real: 160, vertices: 101, casadi: 270 + 4 * 76 + 227 },
  RobotArm_6DOF: { paper: [397, 301, 288], best: 221, real: 126, vertices: 114, casadi: 174 + 4 * 8 + 93 },
  HumanHeartDipole: { paper: [240, 172, 194], best: 148, real: 48, vertices: 86, casadi: 88 + 72 },
} as const;
const expectedFor = (task: EliminationTask) => EXPECTED[task.name as keyof typeof EXPECTED];

/** What the compiled loops take. */
function emittedCost(program: Program): number {
  const { mul, add, div } = operationCounts(lower(prepared(program), { dtype: "f64" }));
  return mul + add + 4 * div;
}

describe.each(eliminationTasks)("$name", (task) => {
  const expected = expectedFor(task);
  const program = programOfTask(task);
  const point = Float64Array.from(task.point);

  test("the graph as written has the published size and mode costs", () => {
    const problem = writtenProblem(writtenGraph(task));
    const { forward, reverse, markowitz } = orderCosts(problem, paperPrices, "quick");
    expect(problem.size - task.inputs).toBe(expected.vertices);
    expect([forward, reverse, markowitz]).toEqual(expected.paper);
  });

  test("orders found by default are within 10 % of the best known, by both rules", () => {
    const paper = orderCosts(writtenProblem(writtenGraph(task)), paperPrices, "default").found;
    const real = orderCosts(problemOf(program) as ScalarProblem, realPrices, "default").found;
    expect(paper).toBeLessThanOrEqual(1.1 * expected.best);
    expect(real).toBeLessThanOrEqual(1.1 * expected.real);
  });

  test("value and Jacobian are right and take no more than CasADi's code", () => {
    const { program: both, plan } = planJacobian(program, { wrt: [0], value: true });
    const [y, jacobian] = valuesAt(both, [point]);
    expect(distance(y as Float64Array, at(valuesAt(program, [point]), 0))).toBeLessThan(1e-14);
    expect(
      distance(jacobian as Float64Array, differences(program, [point], { output: 0, wrt: 0 })),
    ).toBeLessThan(1e-6);
    expect(emittedCost(both)).toBeLessThanOrEqual(expected.casadi);
    expect(plan.stopped).toBe(false);
  });

  test("equal plans for equal programs", () => {
    const names = [1, 2].map(() => planJacobian(programOfTask(task), { wrt: [0] }).plan);
    expect(names[0]).toEqual(names[1]);
  });
});

test("a thorough search reaches the best known order of RoeFlux_1d by the paper's rule", () => {
  const [task] = eliminationTasks;
  const problem = writtenProblem(writtenGraph(task as EliminationTask));
  expect(orderCosts(problem, paperPrices, "thorough").found).toBeLessThanOrEqual(295);
});

describe("bundle adjustment", () => {
  const program = bundleAdjustment();
  const { program: both, plan } = planJacobian(program, { wrt: [0], value: true });
  const inputs = [Float64Array.from(bundleExample.parameters), Float64Array.from(bundleExample.feature)];

  test("28 structural nonzeros", () => {
    expect(plan.blocks).toEqual([{ name: "err/p", rows: 2, columns: 15, nonzeros: 28 }]);
  });

  test("the example's first row", () => {
    const jacobian = at(valuesAt(both, inputs), 1);
    expect(distance(jacobian.slice(0, 15), bundleExample.jacobianRow)).toBeLessThan(1e-6);
  });

  test("fewer operations than 149 multiplications and 22 divisions", () => {
    const { mul, div } = operationCounts(lower(prepared(both), { dtype: "f64" }));
    expect(mul + div).toBeLessThan(149 + 22);
    expect(mul + 4 * div).toBeLessThan(149 + 4 * 22);
  });

  test("at no rotation the derivative of the other branch, exactly in every mode", () => {
    const still = [inputs[0]?.with(0, 0).with(1, 0).with(2, 0) as Float64Array, inputs[1] as Float64Array];
    const [forward, reverse, auto] = (["forward", "reverse", "auto"] as const).map((mode) =>
      at(valuesAt(planJacobian(program, { wrt: [0], mode }).program, still), 0),
    ) as [Float64Array, Float64Array, Float64Array];
    expect(forward.every(Number.isFinite)).toBe(true);
    expect(distance(reverse, forward)).toBeLessThan(1e-12);
    expect(distance(auto, forward)).toBeLessThan(1e-12);
  });
});
