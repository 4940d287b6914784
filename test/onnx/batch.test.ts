/** Every family of operators with a batch that is followed: three rows at once give what three rows alone give. */

import { describe, expect, test } from "vitest";
import { checkRows } from "../../src/onnx/check.ts";
import { importModel } from "../../src/onnx/import.ts";
import { readModel } from "../../src/onnx/model.ts";
import { model, type NodeSpec, type TensorSpec } from "./encode.ts";

const ints = (
  name: string,
  values: readonly number[],
  shape: readonly number[] = [values.length],
): TensorSpec => ({ name, shape, values, type: "int64" });
const wave = (name: string, shape: readonly number[]): TensorSpec => ({
  name,
  shape,
  values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, k) => Math.fround(Math.sin(k + 1))),
});
const one = (
  operator: string,
  others: readonly string[],
  attributes: Record<string, unknown> = {},
): readonly NodeSpec[] => [[operator, ["x", ...others], ["y"], attributes]];

interface Family {
  readonly name: string;
  readonly x: readonly (number | string)[];
  readonly nodes: readonly NodeSpec[];
  readonly tensors?: readonly TensorSpec[];
  readonly opset?: number;
}

const image = ["batch", 4, 5, 5] as const;
const families: readonly Family[] = [
  {
    name: "Conv, grouped, strided, dilated",
    x: image,
    nodes: one("Conv", ["w", "c"], { group: 2, strides: [2, 1], dilations: [1, 2], pads: [1, 0, 1, 2] }),
    tensors: [wave("w", [6, 2, 3, 2]), wave("c", [6])],
  },
  {
    name: "Conv over frames merged with the batch",
    x: ["batch", 2, 4, 5],
    nodes: [
      ["Reshape", ["x", "t"], ["f"]],
      ["Conv", ["f", "w"], ["g"], { pads: [1, 1] }],
      ["Reshape", ["g", "u"], ["y"]],
    ],
    tensors: [ints("t", [-1, 4, 5]), ints("u", [-1, 2, 3, 5]), wave("w", [3, 4, 3])],
  },
  {
    name: "ConvTranspose",
    x: image,
    nodes: one("ConvTranspose", ["w"], { strides: [2, 2], pads: [1, 0, 0, 1], output_padding: [1, 0] }),
    tensors: [wave("w", [4, 3, 3, 2])],
  },
  {
    name: "MaxPool and AveragePool",
    x: image,
    nodes: [
      ["MaxPool", ["x"], ["p"], { kernel_shape: [2, 2], pads: [1, 1, 0, 0] }],
      ["AveragePool", ["p"], ["y"], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }],
    ],
  },
  {
    name: "global pools",
    x: image,
    nodes: [
      ["GlobalAveragePool", ["x"], ["a"]],
      ["GlobalMaxPool", ["x"], ["b"]],
      ["Concat", ["a", "b"], ["y"], { axis: 1 }],
    ],
  },
  {
    name: "GroupNormalization and InstanceNormalization",
    x: image,
    nodes: [
      ["GroupNormalization", ["x", "s", "s"], ["g"], { num_groups: 2 }],
      ["InstanceNormalization", ["g", "s", "s"], ["y"]],
    ],
    tensors: [wave("s", [4])],
  },
  {
    name: "Resize, linear and nearest",
    x: image,
    nodes: [
      ["Resize", ["x", "", "k"], ["l"], { mode: "linear" }],
      ["Resize", ["l", "", "k"], ["y"]],
    ],
    tensors: [{ name: "k", shape: [4], values: [1, 1, 1.4, 2] }],
  },
  {
    name: "DepthToSpace and SpaceToDepth",
    x: image,
    nodes: [
      ["DepthToSpace", ["x"], ["d"], { blocksize: 2 }],
      ["SpaceToDepth", ["d"], ["s"], { blocksize: 2 }],
      ["LRN", ["s"], ["y"], { size: 3 }],
    ],
  },
  {
    name: "Pad and Transpose",
    x: image,
    nodes: [
      ["Pad", ["x", "p"], ["q"], { mode: "reflect" }],
      ["Transpose", ["q"], ["y"], { perm: [2, 0, 3, 1] }],
    ],
    tensors: [ints("p", [0, 0, 1, 2, 0, 0, 2, 1])],
  },
  {
    name: "LSTM in both directions, batch in the middle",
    x: [3, "batch", 2],
    nodes: [["LSTM", ["x", "w", "r", "c"], ["y"], { hidden_size: 2, direction: "bidirectional" }]],
    tensors: [wave("w", [2, 8, 2]), wave("r", [2, 8, 2]), wave("c", [2, 16])],
  },
  {
    name: "GRU, batch first",
    x: ["batch", 3, 2],
    nodes: [["GRU", ["x", "w", "r"], ["s", "y"], { hidden_size: 2, layout: 1 }]],
    tensors: [wave("w", [1, 6, 2]), wave("r", [1, 6, 2])],
  },
  {
    name: "Attention of shared heads, causal",
    x: ["batch", 3, 8],
    nodes: [
      ["MatMul", ["x", "w"], ["k"]],
      [
        "Attention",
        ["x", "k", "k"],
        ["y"],
        { q_num_heads: 4, kv_num_heads: 2, is_causal: 1, softcap: { f: 2 } },
      ],
    ],
    tensors: [wave("w", [8, 4])],
  },
  {
    name: "RotaryEmbedding by position",
    x: ["batch", 3, 8],
    nodes: [
      ["Shape", ["x"], ["s"], { start: 0, end: 1 }],
      ["Concat", ["s", "three"], ["t"], { axis: 0 }],
      ["Expand", ["p", "t"], ["q"]],
      ["RotaryEmbedding", ["x", "c", "c", "q"], ["y"], { num_heads: 2 }],
    ],
    tensors: [ints("three", [3]), ints("p", [2, 0, 4], [1, 3]), wave("c", [5, 2])],
  },
  {
    name: "TopK, ArgMax and GatherElements",
    x: ["batch", 2, 5],
    nodes: [
      ["TopK", ["x", "k"], ["v", "i"]],
      ["GatherElements", ["x", "i"], ["g"], { axis: 2 }],
      ["Sub", ["v", "g"], ["d"]],
      ["ArgMax", ["x"], ["a"], { axis: 2 }],
      ["Cast", ["a"], ["f"], { to: 1 }],
      ["Add", ["d", "f"], ["y"]],
    ],
    tensors: [ints("k", [3])],
  },
  {
    name: "ScatterND and CumSum",
    x: ["batch", 4],
    nodes: [
      ["Transpose", ["x"], ["t"]],
      ["Gather", ["t", "k"], ["u"]],
      ["ScatterND", ["t", "i", "u"], ["s"], { reduction: "add" }],
      ["Transpose", ["s"], ["b"]],
      ["CumSum", ["b", "a"], ["y"], { reverse: 1, exclusive: 1 }],
    ],
    tensors: [ints("i", [0, 2, 2], [3, 1]), ints("k", [1, 3, 0]), ints("a", [1])],
  },
  {
    name: "Einsum with the batch in the middle",
    x: [2, "batch", 3],
    nodes: [["Einsum", ["x", "w", "x"], ["y"], { equation: "ibj,jk,ibl->blk" }]],
    tensors: [wave("w", [3, 4])],
  },
  {
    name: "OneHot and Trilu",
    x: ["batch", 3],
    nodes: [
      ["ArgMax", ["x"], ["i"], { axis: 1, keepdims: 0 }],
      ["OneHot", ["i", "d", "v"], ["o"]],
      ["Unsqueeze", ["x", "one"], ["u"]],
      ["Unsqueeze", ["o", "two"], ["c"]],
      ["Mul", ["u", "c"], ["m"]],
      ["Trilu", ["m"], ["y"]],
    ],
    tensors: [
      ints("d", [3], []),
      { name: "v", shape: [2], values: [-1, 2] },
      ints("one", [1]),
      ints("two", [2]),
    ],
  },
  {
    name: "Scan over features",
    x: ["batch", 3],
    nodes: [
      ["Transpose", ["x"], ["t"]],
      ["ReduceSum", ["t", "z"], ["h"], { keepdims: 0 }],
      [
        "Scan",
        ["h", "t"],
        ["last", "all"],
        {
          num_scan_inputs: 1,
          body: {
            g: {
              nodes: [
                { operator: "Mul", inputs: ["s", "e"], outputs: ["n"], attributes: [] },
                { operator: "Identity", inputs: ["n"], outputs: ["o"], attributes: [] },
              ],
              inputs: [{ name: "s" }, { name: "e" }],
              outputs: [{ name: "n" }, { name: "o" }],
            },
          },
        },
      ],
      ["Transpose", ["all"], ["y"]],
    ],
    tensors: [ints("z", [0])],
  },
  {
    name: "layer norms and softmax on inner axes",
    x: ["batch", 3, 4],
    nodes: [
      ["LayerNormalization", ["x", "s"], ["l"]],
      ["RMSNormalization", ["l", "s"], ["r"]],
      ["Softmax", ["r"], ["p"], { axis: 1 }],
      ["LpNormalization", ["p"], ["y"]],
    ],
    tensors: [wave("s", [4])],
  },
];

describe("three rows at once against three alone", () => {
  test.each(families)("$name", ({ x, nodes, tensors = [], opset = 23 }) => {
    const proto = readModel(model({ inputs: { x }, outputs: ["y"], nodes, tensors, opset }), "m");
    const imported = importModel(proto, { what: "m" });
    expect(imported.proven).toBe(true);
    expect(checkRows(proto, imported, { what: "m", always: true })).toBe("agreed");
  });
});
