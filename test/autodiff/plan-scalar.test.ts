/** Programs taken apart into scalars compute the same, and large ones are planned without a search. */

import { describe, expect, test } from "vitest";
import { planJacobian } from "../../src/autodiff/index.ts";
import { realPrices, ScalarGraph, type ScalarProblem } from "../../src/autodiff/scalar-graph.ts";
import { searchOrder } from "../../src/autodiff/search.ts";
import { Builder } from "../../src/ir/builder.ts";
import { nodesOf, programOf } from "../../src/ir/graph.ts";
import { sigmoid, softmax, softplus } from "../../src/ir/library/index.ts";
import { at, range } from "../../src/ir/shape.ts";
import type { Node } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import { scalarise } from "../../src/optimize/scalarise.ts";
import { randomInputs, randomOps, randomProgram } from "../ir/random-program.ts";
import { distance, valuesAt } from "./differences.ts";

describe("programs taken apart", () => {
  const ops = randomOps.filter((op) => op !== "rowSum" && op !== "scan");
  test.each(range(30))("compute the same, seed %i", (seed) => {
    const program = randomProgram(seed + 900, { ops, size: 8 });
    const apart = scalarise(program, 100_000);
    if (apart === undefined) return;
    verify(apart);
    const inputs = randomInputs(program, 1, seed);
    valuesAt(apart, inputs).forEach((value, output) => {
      expect(distance(value, at(valuesAt(program, inputs), output))).toBeLessThan(1e-12);
    });
  });

  test("keep elementwise functions by name, one call per cell, and whole what is not elementwise", () => {
    const b = new Builder();
    const x = b.input("x", [3]);
    const y = softmax(b, b.mul(sigmoid(b, x), softplus(b, x)), 0);
    const apart = scalarise(programOf("calls", [x], [{ name: "y", value: y }]), 1000);
    const calls = nodesOf(apart as NonNullable<typeof apart>).flatMap((node) =>
      node.op === "call" ? [`${node.callee.name} ${node.shape.join()}`] : [],
    );
    expect(calls.filter((call) => call === "sigmoid ").length).toBe(3);
    expect(calls.filter((call) => call === "softplus ").length).toBe(3);
    expect(calls.filter((call) => call === "softmax 3").length).toBe(1);
  });
});

test("ten thousand scalars are planned at once, in the cheaper mode", () => {
  const b = new Builder();
  const x = b.input("x", [3]);
  const entry = (index: number): Node =>
    b.reshape(b.slice(x, { starts: [index], steps: [1], shape: [1] }), []);
  const [u, v, w] = [entry(0), entry(1), entry(2)];
  const y = range(5000).reduce((h: Node, step) => b.unary("sin", b.add(h, step % 2 === 0 ? v : w)), u);
  const { program, plan } = planJacobian(programOf("deep", [x], [{ name: "y", value: y }]), { wrt: [0] });
  expect(plan.order).toBe("reverse");
  expect(plan.steps).toBe(0);
  const [jacobian] = valuesAt(program, [Float64Array.of(0.1, 0.2, 0.3)]);
  expect((jacobian as Float64Array).every(Number.isFinite)).toBe(true);
});

describe("searching for an order", () => {
  /** Layers of three vertices, each reading all of the layer before. */
  const layered = (layers: number): ScalarProblem => ({
    size: 3 * (layers + 2),
    edges: range(3 * (layers + 1)).flatMap((vertex) =>
      range(3).map((other) => ({ from: vertex, to: 3 * (Math.floor(vertex / 3) + 1) + other, kind: 3 })),
    ),
    inner: range(3 * layers).map((vertex) => vertex + 3),
  });
  const options = { steps: 20_000, seed: 1, prices: realPrices, temperatures: [16, 1] as const };

  test("never loses what it started with, and is the same every time", () => {
    const problem = layered(6);
    const start = [...problem.inner].sort((x, y) => ((x * 7) % 18) - ((y * 7) % 18));
    const graph = new ScalarGraph(problem, realPrices);
    const before = start.reduce((sum, v) => sum + graph.eliminate(v), 0);
    const [first, second] = [0, 1].map(() => searchOrder(problem, start, options));
    expect(first?.cost).toBeLessThan(before);
    expect(first).toEqual(second);
    expect([...(first?.order ?? [])].sort((x, y) => x - y)).toEqual(problem.inner);
  });

  test("undoing eliminations restores every price", () => {
    const problem = layered(4);
    const graph = new ScalarGraph(problem, realPrices);
    const prices = (): number[] => problem.inner.map((v) => graph.price(v));
    const before = prices();
    const mark = graph.mark;
    for (const v of [7, 4, 9, 5]) graph.eliminate(v);
    expect(prices()).not.toEqual(before);
    graph.undo(mark);
    expect(prices()).toEqual(before);
  });
});
