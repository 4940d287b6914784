/** Recurrent cells against their formulas, derivatives at kinks, and exporters' unstable patterns. */

import { describe, expect, test } from "vitest";
import { nodesOf } from "../../src/ir/graph.ts";
import { range } from "../../src/ir/shape.ts";
import type { Program } from "../../src/ir/types.ts";
import { differences, ints, jacobian, one, program } from "./derivatives.ts";
import type { NodeSpec, TensorSpec } from "./encode.ts";
import { relativeError, runRow } from "./support.ts";

const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

describe("recurrent cells", () => {
  const H = 2;
  const weights = (name: string, shape: readonly number[], phase: number): TensorSpec => ({
    name,
    shape,
    values: range(shape.reduce((a, b) => a * b, 1)).map((k) => Math.fround(Math.sin(k + phase))),
  });
  const steps = [0.3, -0.5, 0.8, 0.1, -0.9, 0.4];
  const cell = (gates: number): TensorSpec[] => [
    weights("w", [1, gates * H, 2], 1),
    weights("r", [1, gates * H, H], 2),
    weights("c", [1, 2 * gates * H], 3),
  ];
  const at = (spec: TensorSpec | undefined, k: number): number => spec?.values[k] as number;

  /** Wx + Wb and Rh + Rb of every gate, (gates, H). */
  function products(
    [w, r, c]: readonly TensorSpec[],
    gates: number,
    { input, h }: { input: readonly number[]; h: readonly number[] },
  ): { fromX: number[]; fromH: number[] } {
    const rows = range(gates * H);
    return {
      fromX: rows.map((row) => sum(input.map((v, k) => v * at(w, row * 2 + k))) + at(c, row)),
      fromH: rows.map((row) => sum(h.map((v, k) => v * at(r, row * H + k))) + at(c, gates * H + row)),
    };
  }

  function check(
    nodes: readonly NodeSpec[],
    tensors: readonly TensorSpec[],
    expected: readonly number[],
  ): void {
    const f = program({
      nodes: [["Transpose", ["x"], ["t"], { perm: [1, 0, 2] }], ...nodes],
      x: steps,
      shape: [3, 2],
      tensors,
    });
    expect(relativeError(runRow(f, steps)[0] as number[], expected)).toBeLessThan(1e-14);
    expect(relativeError(jacobian(f, steps), differences(f, steps))).toBeLessThan(1e-8);
    expect(relativeError(jacobian(f, steps, "forward"), jacobian(f, steps))).toBeLessThan(1e-12);
  }

  test.each([0, 1])("GRU, linear_before_reset %i", (linear) => {
    const tensors = cell(3);
    let h = [0, 0];
    for (const step of range(3)) {
      const { fromX, fromH } = products(tensors, 3, { input: steps.slice(2 * step, 2 * step + 2), h });
      const [z, r] = [0, 1].map((gate) =>
        range(H).map((k) => sigmoid((fromX[gate * H + k] as number) + (fromH[gate * H + k] as number))),
      ) as [number[], number[]];
      const again = products(tensors, 3, { input: [0, 0], h: h.map((v, k) => v * (r[k] as number)) }).fromH;
      const n = range(H).map((k) =>
        Math.tanh(
          (fromX[2 * H + k] as number) +
            (linear === 1 ? (r[k] as number) * (fromH[2 * H + k] as number) : (again[2 * H + k] as number)),
        ),
      );
      h = h.map((v, k) => (1 - (z[k] as number)) * (n[k] as number) + (z[k] as number) * v);
    }
    check(
      [["GRU", ["t", "w", "r", "c"], ["", "y"], { hidden_size: H, linear_before_reset: linear }]],
      tensors,
      h,
    );
  });

  test("LSTM, backwards", () => {
    const tensors = cell(4);
    let [h, c] = [
      [0, 0],
      [0, 0],
    ];
    for (const step of [2, 1, 0]) {
      const { fromX, fromH } = products(tensors, 4, { input: steps.slice(2 * step, 2 * step + 2), h });
      const gate = (index: number): number[] =>
        range(H).map((k) => (fromX[index * H + k] as number) + (fromH[index * H + k] as number));
      const [i, o, f] = [0, 1, 2].map((index) => gate(index).map(sigmoid)) as [number[], number[], number[]];
      c = c.map((v, k) => (f[k] as number) * v + (i[k] as number) * Math.tanh(gate(3)[k] as number));
      h = c.map((v, k) => (o[k] as number) * Math.tanh(v));
    }
    check([["LSTM", ["t", "w", "r", "c"], ["", "y"], { hidden_size: H, direction: "reverse" }]], tensors, h);
  });

  test("RNN, all steps", () => {
    const tensors = cell(1);
    let h = [0, 0];
    const all = range(3).flatMap((step) => {
      const { fromX, fromH } = products(tensors, 1, { input: steps.slice(2 * step, 2 * step + 2), h });
      h = fromX.map((v, k) => Math.tanh(v + (fromH[k] as number)));
      return h;
    });
    check(
      [
        ["RNN", ["t", "w", "r", "c"], ["s"], { hidden_size: H }],
        ["Squeeze", ["s", "a"], ["u"]],
        ["Transpose", ["u"], ["y"], { perm: [1, 0, 2] }],
      ],
      [...tensors, ints("a", [1])],
      all,
    );
  });

  test("the batch as steps is refused", () => {
    expect(() =>
      program({
        nodes: [["RNN", ["x", "w", "r", "c"], ["y"], { hidden_size: H }]],
        x: steps,
        shape: [3, 2],
        tensors: cell(1),
      }),
    ).toThrow(/its steps run over the batch axis/);
  });
});

describe("kinks as PyTorch has them", () => {
  const slope = (nodes: readonly NodeSpec[], at: number, tensors: readonly TensorSpec[] = []): number =>
    jacobian(program({ nodes, x: [at], tensors }), [at])[0] as number;
  const scalars = (min: number, max: number): TensorSpec[] => [
    { name: "lo", shape: [], values: [min] },
    { name: "hi", shape: [], values: [max] },
  ];

  test.each<[string, readonly NodeSpec[], number, number, TensorSpec[]?]>([
    ["relu at 0", one("Relu"), 0, 0],
    ["leaky relu at 0", one("LeakyRelu", { alpha: 0.1 }), 0, 0.1],
    ["elu at 0", one("Elu"), 0, 1],
    ["selu at 0", one("Selu"), 0, 1.7580993408473766],
    ["clip at its lower bound", [["Clip", ["x", "lo", "hi"], ["y"]]], -1, 1, scalars(-1, 2)],
    ["clip at its upper bound", [["Clip", ["x", "lo", "hi"], ["y"]]], 2, 1, scalars(-1, 2)],
    ["hard swish at −3", one("HardSwish"), -3, 0],
    ["hard swish at 3", one("HardSwish"), 3, 1],
    ["abs at 0", one("Abs"), 0, 0],
    ["norm at 0", [["ReduceL2", ["x", "a"], ["y"]]], 0, 0, [ints("a", [1])]],
    ["square at −2", [["Pow", ["x", "lo"], ["y"]]], -2, -4, scalars(2, 0)],
    ["square at 0", [["Pow", ["x", "lo"], ["y"]]], 0, 0, scalars(2, 0)],
    ["x^1.5 at 0", [["Pow", ["x", "lo"], ["y"]]], 0, 0, scalars(1.5, 0)],
    ["floor", one("Floor"), 0.5, 0],
  ])("%s", (_, nodes, at, expected, tensors) => {
    expect(slope(nodes, at, tensors)).toBe(expected);
  });

  test("a tie in max-pool goes to the first, in ReduceMax to both", () => {
    const tied = [1, 1];
    expect(
      jacobian(program({ nodes: one("MaxPool", { kernel_shape: [2] }), x: tied, shape: [1, 2] }), tied),
    ).toEqual([1, 0]);
    expect(
      jacobian(
        program({ nodes: [["ReduceMax", ["x", "a"], ["y"]]], x: tied, tensors: [ints("a", [1])] }),
        tied,
      ),
    ).toEqual([0.5, 0.5]);
  });
});

describe("unstable patterns become stable functions", () => {
  const calls = (f: Program): string[] =>
    nodesOf(f).flatMap((node) => (node.op === "call" ? [node.callee.name] : []));

  test("Log of Sigmoid at ±800", () => {
    const f = program({
      nodes: [
        ["Sigmoid", ["x"], ["s"]],
        ["Log", ["s"], ["y"]],
      ],
      x: [-800, 800],
    });
    expect(runRow(f, [-800, 800])[0]).toEqual([-800, -0]);
    expect(jacobian(f, [-800, 800])).toEqual([1, 0, 0, 0]);
  });

  test("Log of Softmax", () => {
    const f = program({
      nodes: [
        ["Softmax", ["x"], ["s"]],
        ["Log", ["s"], ["y"]],
      ],
      x: [0, 800],
    });
    expect(calls(f)).toEqual(["logSoftmax"]);
    expect(runRow(f, [0, 800])[0]).toEqual([-800, 0]);
  });

  test("Log of a sum of Exp", () => {
    const f = program({
      nodes: [
        ["Exp", ["x"], ["e"]],
        ["ReduceSum", ["e", "a"], ["s"]],
        ["Log", ["s"], ["y"]],
      ],
      x: [800, 800],
      tensors: [ints("a", [1])],
    });
    expect(runRow(f, [800, 800])[0]).toEqual([800 + Math.LN2]);
    expect(jacobian(f, [800, 800])).toEqual([0.5, 0.5]);
  });

  test("Softplus with a threshold, by Greater and Where, at ±800", () => {
    const f = program({
      nodes: [
        ["Mul", ["x", "beta"], ["s"]],
        ["Softplus", ["s"], ["p"]],
        ["Div", ["p", "beta"], ["d"]],
        ["Greater", ["s", "threshold"], ["g"]],
        ["Where", ["g", "x", "d"], ["y"]],
      ],
      x: [-800, 0.1, 800],
      tensors: [
        { name: "beta", shape: [], values: [5] },
        { name: "threshold", shape: [], values: [20] },
      ],
    });
    const slope = 1 / (1 + Math.exp(-0.5));
    for (const mode of ["forward", "reverse"] as const) {
      const got = jacobian(f, [-800, 0.1, 800], mode);
      [0, 0, 0, 0, slope, 0, 0, 0, 1].forEach((value, k) => expect(got[k]).toBeCloseTo(value, 12));
    }
    const [y = []] = runRow(f, [-800, 0.1, 800]);
    expect([y[0], y[2]]).toEqual([0, 800]);
    expect(y[1]).toBeCloseTo(Math.log1p(Math.exp(0.5)) / 5, 12);
  });

  test("Sqrt of a sum of squares at 0", () => {
    const f = program({
      nodes: [
        ["Mul", ["x", "x"], ["q"]],
        ["ReduceSum", ["q", "a"], ["s"]],
        ["Sqrt", ["s"], ["y"]],
      ],
      x: [0, 0],
      tensors: [ints("a", [1])],
    });
    expect(jacobian(f, [0, 0])).toEqual([0, 0]);
  });
});
