/** Plans of networks: where they cut, what they cost, and that every order gives the same Jacobian. */

import { describe, expect, test } from "vitest";
import { attention, chain, residual, twoHeads } from "../../bench/tasks/networks.ts";
import { endsOf } from "../../src/autodiff/ends.ts";
import { planJacobian } from "../../src/autodiff/index.ts";
import { linearizable, loopTools } from "../../src/autodiff/jacobian.ts";
import { intermediates } from "../../src/autodiff/linearized.ts";
import { candidatesFor, eliminated } from "../../src/autodiff/plan.ts";
import { printPlan } from "../../src/autodiff/plan-print.ts";
import type { PlanReport } from "../../src/autodiff/plan-report.ts";
import { Builder } from "../../src/ir/builder.ts";
import { inline, programOf, rebuild } from "../../src/ir/graph.ts";
import { at, range, sizeOf } from "../../src/ir/shape.ts";
import type { InputNode, Node, Program } from "../../src/ir/types.ts";
import { lower, operationCounts } from "../../src/lower/index.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { Random } from "../ir/random.ts";
import { randomInputs, randomOps, randomProgram } from "../ir/random-program.ts";
import { distance, valuesAt } from "./differences.ts";
import { kinkScenarios, pointOf, programFor } from "./scenarios.ts";

interface Taken {
  readonly emitted: number;
  readonly counted: number;
}

/** Convolutions along one axis with tanh between them, then a dense layer. */
function convolution(sizes: {
  length: number;
  channels: readonly number[];
  stride: number;
  out: number;
}): Program {
  const b = new Builder();
  const weights: InputNode[] = [];
  const weightsOf = (shape: readonly number[]): InputNode => {
    const node = b.input(`w${weights.length}`, shape, { level: "bound" });
    weights.push(node);
    return node;
  };
  const [first, ...others] = sizes.channels as readonly [number, ...number[]];
  const x = b.input("x", [sizes.length, first]);
  const layer = (h: Node, channels: number): Node => {
    const windows = b.window(h, { axis: 0, size: 3, stride: sizes.stride, dilation: 1 });
    const w = weightsOf([3, at(h.shape, 1), channels]);
    return b.unary("tanh", b.contract(windows, w, { a: [0, 1, 2], b: [1, 2, 3], out: [0, 3] }));
  };
  const features = others.reduce((h: Node, channels) => layer(h, channels), x);
  const flat = b.reshape(features, [sizeOf(features.shape)]);
  const w = weightsOf([sizes.out, sizeOf(flat.shape)]);
  const y = b.contract(w, flat, { a: [0, 1], b: [1], out: [0] });
  return programOf(`convolution to ${sizes.out}`, [x, ...weights], [{ name: "y", value: y }]);
}

const convolutions = [
  convolution({ length: 16, channels: [2, 4, 4], stride: 1, out: 3 }),
  convolution({ length: 31, channels: [1, 4, 8], stride: 2, out: 2 }),
  convolution({ length: 12, channels: [8, 4, 1], stride: 1, out: 12 }),
];

const cost = (plan: PlanReport, name: string): number =>
  Math.min(
    ...plan.alternatives.filter((each) => each.name === name).map(({ counts }) => counts.multiplications),
  );

describe("networks", () => {
  test("an autoencoder is cut at its bottleneck", () => {
    const { plan } = planJacobian(chain([784, 256, 32, 256, 784]), { wrt: [0] });
    expect(plan.cuts.map(({ shape }) => shape)).toEqual([[32]]);
    expect(plan.counts.multiplications).toBeLessThanOrEqual(33e6);
    expect(cost(plan, "reverse")).toBeGreaterThan(170e6);
    expect(cost(plan, "forward")).toBeGreaterThan(170e6);
  });

  test("of two bottlenecks the narrower is cut, and pulled through the other", () => {
    const { plan } = planJacobian(chain([64, 48, 8, 48, 4, 48, 64]), { wrt: [0] });
    expect(plan.cuts.map(({ shape }) => shape)).toEqual([[4]]);
    expect(plan.counts.multiplications).toBeLessThan(0.5 * cost(plan, "reverse"));
  });

  test("3-64-5: the two weight matrices are combined once", () => {
    const program = chain([3, 64, 5]);
    const { plan } = planJacobian(program, { wrt: [0] });
    const [values, activation] = [3 * 64, 64];
    expect(plan.counts.multiplications).toBeLessThanOrEqual(960 + values + activation);
    expect(plan.bound.counts.multiplications).toBe(960);
    const inputs = program.inputs.map(({ shape }, seed) =>
      Float64Array.from({ length: sizeOf(shape) }, (_, index) => Math.sin(index * 7.3 + seed)),
    );
    const [forward, auto] = [planJacobian(program, { wrt: [0], mode: "forward" }), { program }].map(
      ({ program: made }) => made,
    );
    const jacobian = planJacobian(auto as Program, { wrt: [0], mode: "reverse" }).program;
    expect(
      distance(at(valuesAt(jacobian, inputs), 0), at(valuesAt(forward as Program, inputs), 0)),
    ).toBeLessThan(1e-12);
  });

  test.each([
    residual({ in: 3, width: 64, out: 2, blocks: 3 }),
    residual({ in: 40, width: 16, out: 40, blocks: 2 }),
    twoHeads({ in: 8, width: 64, heads: [1, 10] }),
    attention({ tokens: 8, width: 16, inner: 8, out: 4 }),
  ])("$name: never dearer than the better mode", (program) => {
    const { plan } = planJacobian(program, { wrt: [0] });
    const modes = plan.alternatives.filter(({ name }) => name === "forward" || name === "reverse");
    expect(modes.length).toBe(2);
    expect(plan.counts.cost).toBeLessThanOrEqual(Math.min(...modes.map(({ counts }) => counts.cost)));
  });

  test.each([
    ...convolutions,
    attention({ tokens: 4, width: 4, inner: 16, out: 32 }),
    twoHeads({ in: 8, width: 64, heads: [1, 10] }),
  ])(
    "$name: the emitted loops take no more than those of the better mode, and the count is near them",
    (program) => {
      const [auto, forward, reverse] = (["auto", "forward", "reverse"] as const).map((mode) => {
        const { program: made, plan } = planJacobian(program, { wrt: [0], mode });
        const { mul, add } = operationCounts(lower(prepared(made), { dtype: "f64" }));
        return { emitted: mul + add, counted: plan.counts.multiplications + plan.counts.additions };
      }) as [Taken, Taken, Taken];
      expect(auto.emitted).toBeLessThanOrEqual(Math.min(forward.emitted, reverse.emitted));
      expect(auto.counted / auto.emitted).toBeGreaterThan(0.8);
      expect(auto.counted / auto.emitted).toBeLessThan(1.1);
    },
  );

  test("the plan as text names the cut and what the modes would cost", () => {
    const text = printPlan(planJacobian(chain([100, 50, 2, 50, 100]), { wrt: [0] }).plan);
    expect(text).toMatch(/cut at contract \(2,\): .* gives the inputs to the outputs/);
    expect(text).toMatch(/^\* cuts +\d+ multiplications/m);
    expect(text).toMatch(/reverse +\d+ multiplications/);
    expect(text).toContain("y/x: 100 × 100, dense");
  });
});

test("an elementwise function's Jacobian is a diagonal: d nonzeros, no products of matrices", () => {
  for (const size of [100, 1000]) {
    const b = new Builder();
    const x = b.input("x", [size]);
    const y = b.mul(b.unary("sin", b.unary("exp", x)), x);
    const { plan } = planJacobian(programOf("cellwise", [x], [{ name: "y", value: y }]), { wrt: [0] });
    expect(at(plan.blocks, 0).nonzeros).toBe(size);
    expect(plan.counts.multiplications).toBeLessThanOrEqual(4 * size);
  }
});

/** The Jacobian's entries by every order that planning would build, and by some random ones. */
function byEveryOrder(program: Program, wrt: number, inputs: readonly Float64Array[]): Float64Array[][] {
  const b = new Builder();
  const copies = program.inputs.map((input) => rebuild(b, input, []) as InputNode);
  const values = inline(b, linearizable(program), copies);
  const ends = endsOf(b, { outputs: values, wrt: [at(copies, wrt)] }, { tools: loopTools, mode: "auto" });
  const all = intermediates(ends.linear);
  const random = new Random(all.length);
  const shuffled = range(3).map((index) => ({
    name: `random ${index}`,
    order: all
      .map((vertex) => [random.unit(), vertex] as const)
      .sort((x, y) => x[0] - y[0])
      .map(([, v]) => v),
  }));
  const { candidates } = candidatesFor(ends.linear, { mode: "auto", effort: "default" });
  return [...candidates, ...shuffled].map((candidate) => {
    const map = eliminated(b, ends.linear, candidate);
    const outputs = values.map((_, output) => {
      const pair = { output, input: 0 };
      return { name: `J${output}`, value: ends.dense(b, ends.maps(map, pair), pair) };
    });
    return valuesAt(programOf("orders", copies, outputs), inputs);
  });
}

describe("every order gives the same Jacobian", () => {
  const ops = randomOps.filter((op) => op !== "rowSum");
  test.each(range(25))("random program with branches %i", (seed) => {
    const program = randomProgram(seed + 500, { ops });
    const inputs = randomInputs(program, 1, seed);
    const [first, ...others] = byEveryOrder(program, 0, inputs);
    const smooth = (first as Float64Array[]).every((J) => J.every((z) => Math.abs(z) < 1e6));
    if (!smooth) return;
    for (const other of others)
      other.forEach((J, output) => {
        expect(distance(J, at(first as Float64Array[], output))).toBeLessThan(1e-10);
      });
  });

  test.each(kinkScenarios)("at a kink: $name", (scenario) => {
    for (const [jacobian] of byEveryOrder(programFor(scenario), 0, [pointOf(scenario)]))
      expect([...(jacobian as Float64Array)].map((z) => z + 0)).toEqual(scenario.jacobian);
  });
});
