/** Programs taken apart into scalars compute the same, and large ones are planned without a search. */

import { describe, expect, test } from "vitest";
import { planJacobian } from "../../src/autodiff/index.ts";
import { costOfOrder, realPrices, ScalarGraph, type ScalarProblem } from "../../src/autodiff/scalar-graph.ts";
import { searchOrder } from "../../src/autodiff/search.ts";
import { cheapestSparse } from "../../src/autodiff/sparse-order.ts";
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
    const apart = scalarise(program);
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
    const apart = scalarise(programOf("calls", [x], [{ name: "y", value: y }]));
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

describe("graphs too large for a matrix of edges", () => {
  const paths = (count: number, chain: number): ScalarProblem => {
    // Sources 0 … 3 all feed a chain; its end feeds sinks: best eliminated from inside.
    const inner = range(count * chain).map((index) => index + 4);
    const size = 4 + inner.length + 4;
    const edges = range(count).flatMap((path) => {
      const [first, last] = [4 + path * chain, 3 + (path + 1) * chain];
      return [
        ...range(4).map((from) => ({ from, to: first, kind: 3 })),
        ...range(chain - 1).map((step) => ({ from: first + step, to: first + step + 1, kind: 3 })),
        ...range(4).map((sink) => ({ from: last, to: size - 1 - sink, kind: 3 })),
      ];
    });
    return { size, edges, inner };
  };
  const problem = paths(20, 10);
  const named = [
    { name: "reverse", order: [...problem.inner].reverse() },
    { name: "forward", order: problem.inner },
  ];

  test("Markowitz is found where it multiplies less than both modes, and is an order of all vertices", () => {
    const found = cheapestSparse(problem, realPrices, { named, greedy: true });
    expect(found.name).toBe("Markowitz");
    expect([...found.order].sort((x, y) => x - y)).toEqual(problem.inner);
    const cost = costOfOrder(problem, found.order, realPrices);
    for (const { order } of named) expect(cost).toBeLessThan(costOfOrder(problem, order, realPrices));
  });

  test("of the modes the cheaper one", () => {
    const wide = { ...problem, edges: problem.edges.filter(({ from }) => from === 0 || from > 3) };
    expect(cheapestSparse(wide, realPrices, { named, greedy: false }).name).toBe("forward");
  });

  test("a program of thousands of branching scalars has the Jacobian of forward mode", () => {
    const b = new Builder();
    const x = b.input("x", [4]);
    const values = range(4).map((index) =>
      b.reshape(b.slice(x, { starts: [index], steps: [1], shape: [1] }), []),
    );
    for (const step of range(2400)) {
      const [u, v] = [at(values, values.length - 1 - ((step * 7) % 4)), at(values, values.length - 1)];
      values.push(b.unary(step % 2 === 0 ? "sin" : "tanh", step % 3 === 0 ? b.mul(u, v) : b.add(u, v)));
    }
    const y = b.concat(
      values.slice(-3).map((value) => b.reshape(value, [1])),
      0,
    );
    const program = programOf("branching", [x], [{ name: "y", value: y }]);
    const [auto, forward] = (["auto", "forward"] as const).map((mode) =>
      valuesAt(planJacobian(program, { wrt: [0], mode }).program, [Float64Array.of(0.1, -0.2, 0.3, 0.4)]),
    );
    expect(distance(at(auto as Float64Array[], 0), at(forward as Float64Array[], 0))).toBeLessThan(1e-10);
  });
});
