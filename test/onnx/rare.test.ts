/** Operators that no other test here has: values by the specification, slopes by differences, the batch on the first axis. */

import { describe, expect, test } from "vitest";
import { expectRow, ints, one, program, type Row } from "./derivatives.ts";
import type { NodeSpec, TensorSpec } from "./encode.ts";
import { runRow } from "./support.ts";

const x = [-2.3, -0.4, 0.7, 1.9];
const small = [-0.6, -0.2, 0.3, 0.8];
const each = (f: (value: number) => number, row: readonly number[] = x): number[] => row.map(f);
const vector = (
  name: string,
  values: readonly number[],
  shape: readonly number[] = [values.length],
): TensorSpec => ({
  name,
  shape,
  values,
});

type Case = { readonly name: string; readonly expected: readonly number[] } & Partial<Row> & {
    readonly nodes: readonly NodeSpec[];
  };
const functions: readonly (readonly [string, (value: number) => number, (readonly number[])?])[] = [
  ["Tan", Math.tan],
  ["Atan", Math.atan],
  ["Ceil", Math.ceil],
  ["Sinh", Math.sinh],
  ["Cosh", Math.cosh],
  ["Asinh", Math.asinh],
  ["Asin", Math.asin, small],
  ["Acos", Math.acos, small],
  ["Atanh", Math.atanh, small],
  ["Acosh", Math.acosh, [1.2, 2, 3.5, 7]],
];

/** x where the mask says so, else −x. */
const chosen = (nodes: readonly NodeSpec[]): NodeSpec[] => [
  ...nodes,
  ["Neg", ["x"], ["n"]],
  ["Where", ["m", "x", "n"], ["y"]],
];
const zero = vector("z", [0], []);

const elementwise: readonly Case[] = [
  ...functions.map(([name, f, row = x]) => ({ name, nodes: one(name), x: [...row], expected: each(f, row) })),
  {
    name: "LessOrEqual, GreaterOrEqual, Or",
    nodes: chosen([
      ["LessOrEqual", ["x", "low"], ["p"]],
      ["GreaterOrEqual", ["x", "high"], ["q"]],
      ["Or", ["p", "q"], ["m"]],
    ]),
    tensors: [vector("low", [-1], []), vector("high", [1], [])],
    expected: [-2.3, 0.4, -0.7, 1.9],
  },
  {
    name: "Less",
    nodes: chosen([["Less", ["x", "z"], ["m"]]]),
    tensors: [zero],
    expected: each((v) => -Math.abs(v)),
  },
  {
    name: "IsInf",
    nodes: [
      ["Div", ["x", "z"], ["d"]],
      ["IsInf", ["d"], ["m"], { detect_negative: 0 }],
      ["Where", ["m", "x", "z"], ["y"]],
    ],
    tensors: [zero],
    expected: [0, 0, 0.7, 1.9],
  },
  {
    name: "ThresholdedRelu",
    nodes: one("ThresholdedRelu", { alpha: { f: 0.75 } }),
    expected: [0, 0, 0, 1.9],
  },
  {
    name: "ml.Binarizer",
    nodes: [["ai.onnx.ml.Binarizer", ["x"], ["y"], { threshold: 0.5 }]],
    expected: [0, 0, 1, 1],
  },
];

const shapes: readonly Case[] = [
  {
    name: "Range, CastLike",
    nodes: [
      ["Range", ["a", "c", "d"], ["r"]],
      ["CastLike", ["r", "x"], ["f"]],
      ["Mul", ["x", "f"], ["y"]],
    ],
    tensors: [
      { name: "a", shape: [], values: [1], type: "int64" },
      { name: "c", shape: [], values: [8], type: "int64" },
      { name: "d", shape: [], values: [2], type: "int64" },
    ],
    expected: [-2.3, -1.2, 3.5, 13.3],
  },
  {
    name: "EyeLike",
    nodes: [
      ["EyeLike", ["w"], ["e"], { k: 1 }],
      ["MatMul", ["x", "e"], ["y"]],
    ],
    tensors: [vector("w", new Array<number>(16).fill(0), [4, 4])],
    expected: [0, -2.3, -0.4, 0.7],
  },
  { name: "ReduceMin", nodes: one("ReduceMin", { axes: [1], keepdims: 0 }), opset: 13, expected: [-2.3] },
  {
    name: "ReduceSumSquare",
    nodes: one("ReduceSumSquare", { axes: [1], keepdims: 0 }),
    opset: 13,
    expected: [2.3 ** 2 + 0.4 ** 2 + 0.7 ** 2 + 1.9 ** 2],
  },
  {
    name: "ArgMin",
    nodes: [
      ["ArgMin", ["x"], ["i"], { axis: 1 }],
      ["GatherElements", ["x", "i"], ["y"], { axis: 1 }],
    ],
    expected: [-2.3],
  },
  {
    name: "ScatterElements",
    nodes: [
      ["Sin", ["x"], ["s"]],
      ["Shape", ["x"], ["n"]],
      ["ConstantOfShape", ["n"], ["o"]],
      ["Cast", ["o"], ["i"], { to: 7 }],
      ["Add", ["i", "k"], ["p"]],
      ["ScatterElements", ["x", "p", "s"], ["y"], { axis: 1 }],
    ],
    tensors: [ints("k", [3, 2, 1, 0])],
    expected: each(Math.sin).toReversed(),
  },
  {
    name: "ScatterElements, the last of equal indices counts",
    nodes: [
      ["Sin", ["x"], ["s"]],
      ["Transpose", ["x"], ["xt"]],
      ["Transpose", ["s"], ["st"]],
      ["ScatterND", ["xt", "k", "st"], ["yt"]],
      ["Transpose", ["yt"], ["y"]],
    ],
    tensors: [{ name: "k", shape: [4, 1], values: [1, 3, 1, 1], type: "int64" }],
    expected: [-2.3, Math.sin(1.9), 0.7, Math.sin(-0.4)],
  },
  {
    name: "CenterCropPad",
    nodes: [
      ["Shape", ["x"], ["n"], { end: 1 }],
      ["Concat", ["n", "k"], ["s"], { axis: 0 }],
      ["CenterCropPad", ["x", "s"], ["y"]],
    ],
    shape: [2, 2],
    tensors: [ints("k", [1, 5])],
    expected: [0, -2.3, -0.4, 0, 0],
  },
  {
    name: "Compress",
    nodes: [["Compress", ["x", "c"], ["y"], { axis: 1 }]],
    tensors: [{ name: "c", shape: [4], values: [0, 1, 1, 0], type: "bool" }],
    expected: [-0.4, 0.7],
  },
  {
    name: "DequantizeLinear of weights, by block",
    nodes: [
      ["DequantizeLinear", ["q", "s", "o"], ["w"], { axis: 0, block_size: 2 }],
      ["MatMul", ["x", "w"], ["y"]],
    ],
    tensors: [
      { name: "q", shape: [4, 1], values: [3, -1, 2, 4], type: "int64" },
      vector("s", [0.5, 2], [2, 1]),
      { name: "o", shape: [2, 1], values: [1, 2], type: "int64" },
    ],
    expected: [-2.3 + 0.4 + 1.9 * 4],
  },
];

const steps: readonly Case[] = [
  {
    name: "CumProd",
    nodes: [["CumProd", ["x", "a"], ["y"], { reverse: 1 }]],
    opset: 26,
    tensors: [ints("a", [1])],
    expected: [-2.3 * -0.4 * 0.7 * 1.9, -0.4 * 0.7 * 1.9, 0.7 * 1.9, 1.9],
  },
  {
    name: "CumProd, exclusive",
    nodes: [["CumProd", ["x", "a"], ["y"], { exclusive: 1 }]],
    opset: 26,
    tensors: [ints("a", [1])],
    expected: [1, -2.3, -2.3 * -0.4, -2.3 * -0.4 * 0.7],
  },
  {
    name: "ReverseSequence by a length per row",
    nodes: [
      ["ReduceMax", ["x", "a"], ["m"], { keepdims: 0 }],
      ["Ceil", ["m"], ["c"]],
      ["Add", ["c", "one"], ["d"]],
      ["Cast", ["d"], ["l"], { to: 7 }],
      ["ReverseSequence", ["x", "l"], ["y"], { batch_axis: 0, time_axis: 1 }],
    ],
    tensors: [ints("a", [1]), vector("one", [1], [])],
    expected: [0.7, -0.4, -2.3, 1.9],
  },
  {
    name: "TensorScatter, circular",
    nodes: [
      ["Shape", ["x"], ["n"]],
      ["ConstantOfShape", ["n"], ["cache"]],
      ["Slice", ["x", "from", "to", "one"], ["u"]],
      ["Shape", ["x"], ["b"], { end: 1 }],
      ["ConstantOfShape", ["b"], ["w"], { value: { t: { dims: [1], type: 7, int64Data: [3] } } }],
      ["TensorScatter", ["cache", "u", "w"], ["y"], { axis: 1, mode: "circular" }],
    ],
    tensors: [ints("from", [1]), ints("to", [3]), ints("one", [1])],
    expected: [0.7, 0, 0, -0.4],
  },
  {
    name: "CausalConvWithState",
    nodes: [["CausalConvWithState", ["x", "w"], ["y"]]],
    opset: 27,
    shape: [1, 4],
    tensors: [vector("w", [0.5, 2], [1, 1, 2])],
    expected: [-4.6, -1.95, 1.2, 4.15],
  },
  {
    name: "LinearAttention",
    nodes: [
      ["LinearAttention", ["x", "x", "x"], ["y"], { update_rule: "linear", q_num_heads: 1, kv_num_heads: 1 }],
    ],
    opset: 27,
    shape: [4, 1],
    expected: [-12.167, -2.18, 4.158, 18.145],
  },
  {
    name: "SequenceConstruct, SequenceInsert, SequenceErase, ConcatFromSequence",
    nodes: [
      ["Sin", ["x"], ["s"]],
      ["SequenceConstruct", ["x", "x"], ["q"]],
      ["SequenceInsert", ["q", "s", "one"], ["r"]],
      ["SequenceErase", ["r", "zero"], ["t"]],
      ["ConcatFromSequence", ["t"], ["y"], { axis: 1 }],
    ],
    tensors: [
      { name: "one", shape: [], values: [1], type: "int64" },
      { name: "zero", shape: [], values: [0], type: "int64" },
    ],
    expected: [...each(Math.sin), ...x],
  },
  {
    name: "SplitToSequence, SequenceAt, SequenceLength, SequenceEmpty",
    nodes: [
      ["SplitToSequence", ["x"], ["q"], { axis: 1, keepdims: 0 }],
      ["SequenceAt", ["q", "last"], ["a"]],
      ["SequenceEmpty", [], ["e"]],
      ["SequenceInsert", ["e", "a"], ["r"]],
      ["SequenceInsert", ["r", "a"], ["t"]],
      ["ConcatFromSequence", ["t"], ["c"], { axis: 1, new_axis: 1 }],
      ["SequenceLength", ["q"], ["l"]],
      ["Cast", ["l"], ["f"], { to: 1 }],
      ["Mul", ["c", "f"], ["y"]],
    ],
    tensors: [{ name: "last", shape: [], values: [-2], type: "int64" }],
    expected: [2.8, 2.8],
  },
  {
    name: "Optional",
    nodes: [
      ["Optional", ["x"], ["o"]],
      ["OptionalHasElement", ["o"], ["h"]],
      ["OptionalGetElement", ["o"], ["g"]],
      ["Where", ["h", "g", "z"], ["y"]],
    ],
    tensors: [zero],
    expected: x,
  },
];

const turn = (k: number): [number, number] => [Math.cos((k * Math.PI) / 2), -Math.sin((k * Math.PI) / 2)];
const spectrum = [0, 1, 2, 3].flatMap((k) =>
  [0, 1].map((part) => x.reduce((sum, value, cell) => sum + value * (turn(cell * k)[part] as number), 0)),
);

const images: readonly Case[] = [
  { name: "Det", nodes: one("Det"), shape: [2, 2], expected: [-2.3 * 1.9 + 0.4 * 0.7] },
  {
    name: "DFT",
    nodes: [["DFT", ["x", "", "a"], ["y"]]],
    opset: 20,
    shape: [4, 1],
    tensors: [ints("a", [1])],
    expected: spectrum,
  },
  {
    name: "DFT of one side and its inverse",
    nodes: [
      ["DFT", ["x", "", "a"], ["f"], { onesided: 1 }],
      ["DFT", ["f", "n", "a"], ["y"], { onesided: 1, inverse: 1 }],
    ],
    opset: 20,
    shape: [4, 1],
    tensors: [ints("a", [1]), ints("n", [4])],
    expected: x,
  },
  {
    name: "MaxPool, then the same by GlobalLpPool of one channel",
    nodes: [
      ["MaxPool", ["x"], ["m"], { kernel_shape: [2], strides: [1] }],
      ["GlobalLpPool", ["m"], ["y"], { p: 3 }],
    ],
    shape: [1, 4],
    expected: [(0.4 ** 3 + 0.7 ** 3 + 1.9 ** 3) ** (1 / 3)],
  },
  {
    name: "LpPool",
    nodes: one("LpPool", { kernel_shape: [2], strides: [2], p: 2 }),
    shape: [1, 4],
    expected: [Math.hypot(2.3, 0.4), Math.hypot(0.7, 1.9)],
  },
  {
    name: "LRN",
    nodes: one("LRN", { size: 1, alpha: { f: 1 }, beta: { f: 0.5 }, bias: { f: 2 } }),
    shape: [4, 1],
    expected: each((v) => v / Math.sqrt(2 + v * v)),
  },
  {
    name: "Col2Im",
    nodes: [["Col2Im", ["x", "i", "k"], ["y"]]],
    shape: [2, 2],
    tensors: [ints("i", [1, 3]), ints("k", [1, 2])],
    expected: [-2.3, -0.4 + 0.7, 1.9],
  },
  {
    name: "AffineGrid and GridSample turn an image by half a turn",
    nodes: [
      ["Shape", ["x"], ["n"]],
      ["Shape", ["x"], ["b"], { end: 1 }],
      ["Concat", ["b", "k"], ["s"], { axis: 0 }],
      ["Expand", ["t", "s"], ["theta"]],
      ["AffineGrid", ["theta", "n"], ["g"], { align_corners: 1 }],
      ["GridSample", ["x", "g"], ["y"], { align_corners: 1, mode: "linear" }],
    ],
    shape: [1, 2, 2],
    tensors: [vector("t", [-1, 0, 0, 0, -1, 0], [1, 2, 3]), ints("k", [2, 3])],
    expected: x.toReversed(),
  },
  {
    name: "SoftmaxCrossEntropyLoss of each row",
    nodes: [
      ["Shape", ["x"], ["b"], { end: 1 }],
      ["ConstantOfShape", ["b"], ["c"], { value: { t: { dims: [1], type: 7, int64Data: [2] } } }],
      ["SoftmaxCrossEntropyLoss", ["x", "c"], ["y"], { reduction: "none" }],
    ],
    expected: [Math.log(x.reduce((sum, v) => sum + Math.exp(v - 0.7), 0))],
  },
];

describe.each([
  ["elementwise", elementwise],
  ["shapes", shapes],
  ["steps and sequences", steps],
  ["images and signals", images],
])("%s", (_, cases) => {
  test.each(cases)("$name", ({ expected, nodes, x: row = x, ...rest }) =>
    expectRow({ ...rest, nodes, x: row }, { expected }),
  );
});

describe("what mixes rows", () => {
  const refusal =
    (nodes: readonly NodeSpec[], tensors: readonly TensorSpec[] = []) =>
    () =>
      program({ nodes, x, tensors, opset: 24 });

  test("a mean of losses over all rows, a determinant over the batch, indices of a pool", () => {
    const classes: NodeSpec[] = [
      ["Shape", ["x"], ["b"], { end: 1 }],
      ["ConstantOfShape", ["b"], ["c"], { value: { t: { dims: [1], type: 7, int64Data: [2] } } }],
    ];
    expect(refusal([...classes, ["NegativeLogLikelihoodLoss", ["x", "c"], ["y"]]])).toThrow(
      /mean goes over all rows/,
    );
    expect(refusal(one("Det"))).toThrow(/taking determinants along axis 0 goes over the batch/);
    const pool: NodeSpec[] = [
      ["Unsqueeze", ["x", "a"], ["u"]],
      ["MaxPool", ["u"], ["m", "i"], { kernel_shape: [2] }],
      ["MaxUnpool", ["m", "i"], ["y"], { kernel_shape: [2] }],
    ];
    expect(refusal(pool, [ints("a", [1])])).toThrow(/Indices count the cells of all rows/);
  });

  test("a sequence has no numbers", () => {
    const f = refusal([
      ["SequenceConstruct", ["x"], ["q"]],
      ["Exp", ["q"], ["y"]],
    ]);
    expect(f).toThrow(/its result is a sequence/);
  });

  test("a program of a cubic GridSample is the image itself at the centres", () => {
    const f = program({
      nodes: [
        ["Shape", ["x"], ["b"], { end: 1 }],
        ["Concat", ["b", "k"], ["s"], { axis: 0 }],
        ["Expand", ["t", "s"], ["theta"]],
        ["Shape", ["x"], ["n"]],
        ["AffineGrid", ["theta", "n"], ["g"]],
        ["GridSample", ["x", "g"], ["y"], { mode: "cubic", padding_mode: "reflection" }],
      ],
      x,
      shape: [1, 2, 2],
      tensors: [vector("t", [1, 0, 0, 0, 1, 0], [1, 2, 3]), ints("k", [2, 3])],
    });
    runRow(f, x)[0]?.forEach((value, k) => expect(value).toBeCloseTo(x[k] as number, 12));
  });
});
