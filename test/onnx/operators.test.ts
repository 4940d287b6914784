/** Operators that ONNX's node tests lack or that need a word of their own: values by the specification, slopes by differences. */

import { describe, test } from "vitest";
import { expectRow, ints, one, type Row } from "./derivatives.ts";
import type { NodeSpec } from "./encode.ts";

const x = [-2.3, -0.4, 0.7, 1.9];
const each = (f: (value: number) => number): number[] => x.map(f);
const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

describe("elementwise and activations", () => {
  test.each<{ name: string; expected: readonly number[] } & Partial<Row> & { nodes: readonly NodeSpec[] }>([
    { name: "Cos", nodes: one("Cos"), expected: each(Math.cos) },
    { name: "Sin", nodes: one("Sin"), expected: each(Math.sin) },
    { name: "Floor", nodes: one("Floor"), expected: each(Math.floor) },
    { name: "Round", nodes: one("Round"), expected: [-2, -0, 1, 2] },
    { name: "Sign", nodes: one("Sign"), expected: each(Math.sign) },
    { name: "Reciprocal", nodes: one("Reciprocal"), expected: each((v) => 1 / v) },
    {
      name: "LeakyRelu",
      nodes: one("LeakyRelu", { alpha: 0.1 }),
      expected: each((v) => (v > 0 ? v : 0.1 * v)),
    },
    {
      name: "HardSwish",
      nodes: one("HardSwish"),
      expected: each((v) => (v * Math.min(Math.max(v + 3, 0), 6)) / 6),
    },
    {
      name: "HardSigmoid",
      nodes: one("HardSigmoid"),
      expected: each((v) => Math.min(Math.max(0.2 * v + 0.5, 0), 1)),
    },
    { name: "Swish", nodes: one("Swish", { alpha: 1.5 }), expected: each((v) => v * sigmoid(1.5 * v)) },
    { name: "Mish", nodes: one("Mish"), expected: each((v) => v * Math.tanh(Math.log1p(Math.exp(v)))) },
    {
      name: "Celu",
      nodes: one("Celu", { alpha: 2 }).map(([o, i, y]) => [o, i, y, { alpha: { f: 2 } }] as const),
      expected: each((v) => (v > 0 ? v : 2 * Math.expm1(v / 2))),
    },
    { name: "Elu", nodes: one("Elu"), expected: each((v) => (v > 0 ? v : Math.expm1(v))) },
    { name: "Softsign", nodes: one("Softsign"), expected: each((v) => v / (1 + Math.abs(v))) },
    { name: "Shrink", nodes: one("Shrink", { lambd: 0.5, bias: 0.25 }), expected: [-2.05, 0, 0.45, 1.65] },
    {
      name: "Mean",
      nodes: [
        ["Sin", ["x"], ["a"]],
        ["Mean", ["x", "a", "x"], ["y"]],
      ],
      expected: each((v) => (2 * v + Math.sin(v)) / 3),
    },
    {
      name: "Sum",
      nodes: [
        ["Sin", ["x"], ["a"]],
        ["Sum", ["x", "a", "x"], ["y"]],
      ],
      expected: each((v) => 2 * v + Math.sin(v)),
    },
    {
      name: "Mod, fmod",
      nodes: [["Mod", ["x", "d"], ["y"], { fmod: 1 }]],
      tensors: [{ name: "d", shape: [1], values: [1.5] }],
      expected: each((v) => v % 1.5),
    },
    {
      name: "PRelu",
      nodes: [["PRelu", ["x", "s"], ["y"]]],
      tensors: [{ name: "s", shape: [4], values: [0.5, 0.25, 1, 2] }],
      expected: [-1.15, -0.1, 0.7, 1.9],
    },
    {
      name: "Clip by attributes (opset 6 to 10)",
      nodes: one("Clip", { min: -0.5, max: 0.5 }),
      opset: 10,
      expected: [-0.5, -0.4, 0.5, 0.5],
    },
    {
      name: "Clip by inputs, one missing",
      nodes: [["Clip", ["x", "", "m"], ["y"]]],
      tensors: [{ name: "m", shape: [], values: [0.5] }],
      expected: [-2.3, -0.4, 0.5, 0.5],
    },
    {
      name: "Clip by computed bounds",
      nodes: [
        ["ReduceMean", ["x"], ["m"], { axes: [1], keepdims: 0 }],
        ["Neg", ["x"], ["n"]],
        ["Max", ["x", "n"], ["y"]],
      ],
      opset: 13,
      expected: each(Math.abs),
    },
    {
      name: "Pow with whole exponents",
      nodes: [["Pow", ["x", "two"], ["y"]]],
      tensors: [{ name: "two", shape: [], values: [2] }],
      expected: each((v) => v * v),
    },
    {
      name: "IsNaN and Where",
      nodes: [
        ["IsNaN", ["x"], ["m"]],
        ["Where", ["m", "x", "x"], ["y"]],
      ],
      expected: x,
    },
    {
      name: "Xor, Not, And",
      nodes: [
        ["Greater", ["x", "z"], ["p"]],
        ["Not", ["p"], ["q"]],
        ["Xor", ["p", "q"], ["r"]],
        ["And", ["r", "p"], ["s"]],
        ["Cast", ["s"], ["t"], { to: 1 }],
        ["Mul", ["t", "x"], ["y"]],
      ],
      tensors: [{ name: "z", shape: [], values: [0] }],
      expected: [-0, -0, 0.7, 1.9],
    },
    { name: "GlobalAveragePool", nodes: one("GlobalAveragePool"), shape: [2, 2], expected: [-1.35, 1.3] },
    { name: "GlobalMaxPool", nodes: one("GlobalMaxPool"), shape: [2, 2], expected: [-0.4, 1.9] },
    {
      name: "CumSum",
      nodes: [["CumSum", ["x", "a"], ["y"]]],
      tensors: [ints("a", [1])],
      expected: [-2.3, -2.7, -2, -0.1],
    },
    {
      name: "ReduceLogSum",
      nodes: [
        ["Exp", ["x"], ["e"]],
        ["ReduceLogSum", ["e", "a"], ["y"], { keepdims: 0 }],
      ],
      tensors: [ints("a", [1])],
      expected: [Math.log(sum(x.map(Math.exp)))],
    },
    {
      name: "ReduceProd",
      nodes: [["ReduceProd", ["x", "a"], ["y"]]],
      tensors: [ints("a", [-1])],
      expected: [-2.3 * -0.4 * 0.7 * 1.9],
    },
    {
      name: "ArgMax and Gather by it",
      nodes: [
        ["ArgMax", ["x"], ["i"], { axis: 1 }],
        ["GatherElements", ["x", "i"], ["y"], { axis: 1 }],
      ],
      expected: [1.9],
    },
    {
      name: "TopK",
      nodes: [["TopK", ["x", "k"], ["y", "i"]]],
      tensors: [ints("k", [2])],
      expected: [1.9, 0.7],
    },
    {
      name: "Pad, reflected",
      nodes: [["Pad", ["x", "p"], ["y"], { mode: "reflect" }]],
      tensors: [ints("p", [0, 2, 0, 1])],
      expected: [0.7, -0.4, -2.3, -0.4, 0.7, 1.9, 0.7],
    },
    {
      name: "Pad, edges and cut",
      nodes: [["Pad", ["x", "p"], ["y"], { mode: "edge" }]],
      tensors: [ints("p", [0, 1, 0, -1])],
      expected: [-2.3, -2.3, -0.4, 0.7],
    },
    { name: "Trilu", nodes: one("Trilu"), shape: [2, 2], expected: [-2.3, -0.4, 0, 1.9] },
    {
      name: "Tile",
      nodes: [["Tile", ["x", "r"], ["y"]]],
      tensors: [ints("r", [1, 2])],
      expected: [...x, ...x],
    },
    {
      name: "Softmax of a block (opset 11)",
      nodes: one("Softmax", { axis: 1 }),
      opset: 11,
      shape: [2, 2],
      expected: x.map((v) => Math.exp(v) / sum(x.map(Math.exp))),
    },
    {
      name: "ml.Scaler",
      nodes: [
        [
          "ai.onnx.ml.Scaler",
          ["x"],
          ["y"],
          { offset: { floats: [1, 1, 1, 1] }, scale: { floats: [2, 2, 2, 2] } },
        ],
      ],
      expected: each((v) => 2 * (v - 1)),
    },
    {
      name: "ml.Normalizer",
      nodes: [["ai.onnx.ml.Normalizer", ["x"], ["y"], { norm: "L2" }]],
      expected: each((v) => v / Math.hypot(...x)),
    },
    {
      name: "ml.LinearRegressor",
      nodes: [
        [
          "ai.onnx.ml.LinearRegressor",
          ["x"],
          ["y"],
          { coefficients: { floats: [1, 2, 3, 4] }, intercepts: { floats: [0.5] } },
        ],
      ],
      expected: [-2.3 - 0.8 + 2.1 + 7.6 + 0.5],
    },
    {
      name: "ml.Imputer",
      nodes: [
        ["Div", ["x", "x"], ["o"]],
        [
          "ai.onnx.ml.Imputer",
          ["x"],
          ["y"],
          { imputed_value_floats: { floats: [9, 9, 9, 9] }, replaced_value_float: { f: Number.NaN } },
        ],
      ],
      expected: x,
    },
    { name: "Dropout in inference", nodes: one("Dropout"), expected: x },
    {
      name: "Split in unequal parts",
      nodes: [["Split", ["x", "s"], ["a", "y"], { axis: 1 }]],
      tensors: [ints("s", [3, 1])],
      expected: [1.9],
    },
    {
      name: "GatherND on features",
      nodes: [
        ["Transpose", ["x"], ["t"], { perm: [1, 0] }],
        ["GatherND", ["t", "i"], ["g"]],
        ["Transpose", ["g"], ["y"], { perm: [1, 0] }],
      ],
      tensors: [{ name: "i", shape: [2, 1], values: [3, -4], type: "int64" }],
      expected: [1.9, -2.3],
    },
    {
      name: "Einsum with a diagonal",
      nodes: [["Einsum", ["x"], ["y"], { equation: "bii->bi" }]],
      shape: [2, 2],
      expected: [-2.3, 1.9],
    },
    {
      name: "Einsum with an ellipsis",
      nodes: [["Einsum", ["x", "x"], ["y"], { equation: "...ij,...kj->...ik" }]],
      shape: [2, 2],
      expected: [5.45, -2.37, -2.37, 4.1],
    },
    {
      name: "GroupNormalization",
      nodes: [["GroupNormalization", ["x", "s", "c"], ["y"], { num_groups: 2, epsilon: { f: 1e-9 } }]],
      shape: [2, 2],
      tensors: [
        { name: "s", shape: [2], values: [1, 2] },
        { name: "c", shape: [2], values: [0, 1] },
      ],
      expected: [-1, 1, -1, 3],
    },
    {
      name: "Upsample",
      nodes: [
        ["Reshape", ["x", "t"], ["r"]],
        ["Upsample", ["r", "k"], ["y"]],
      ],
      opset: 9,
      tensors: [ints("t", [-1, 1, 4]), { name: "k", shape: [3], values: [1, 1, 2] }],
      expected: x.flatMap((v) => [v, v]),
    },
  ])("$name", ({ expected, name, ...rest }) =>
    expectRow({ x, ...rest }, { expected, digits: name.startsWith("GroupN") ? 6 : 12 }),
  );
});
