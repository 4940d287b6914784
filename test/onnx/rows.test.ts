/** Where the batch is followed to: shape arithmetic that folds away, batches on other axes, and refusals in words. */

import { describe, expect, test } from "vitest";
import { UnsupportedError } from "../../src/errors.ts";
import { nodesOf } from "../../src/ir/graph.ts";
import type { ImportOptions } from "../../src/onnx/import.ts";
import type { ModelSpec, NodeSpec, TensorSpec } from "./encode.ts";
import { imported, runRow } from "./support.ts";

const ints = (
  name: string,
  values: readonly number[],
  shape: readonly number[] = [values.length],
): TensorSpec => ({ name, shape, values, type: "int64" });
const floats = (
  name: string,
  values: readonly number[],
  shape: readonly number[] = [values.length],
): TensorSpec => ({ name, shape, values });
const common = [
  ints("zero", [0], []),
  ints("one", [1], []),
  ints("zeros1", [0]),
  ints("ones1", [1]),
  ints("minus1", [-1]),
  ints("two1", [2]),
  ints("three1", [3]),
  ints("four1", [4]),
];

/** A model of x: (batch, 4) unless told otherwise; its output is y. */
function spec(
  nodes: readonly NodeSpec[],
  more: { tensors?: readonly TensorSpec[]; x?: readonly (number | string)[]; opset?: number } = {},
): ModelSpec {
  const { tensors = [], x = ["batch", 4], opset = 21 } = more;
  return { inputs: { x }, outputs: ["y"], nodes, tensors: [...common, ...tensors], opset };
}

const run = (model: ModelSpec, row: readonly number[], options: Partial<ImportOptions> = {}): number[] =>
  runRow(imported(model, options).program, row)[0] ?? [];

const folds = (name: string, nodes: readonly NodeSpec[], tensors: readonly TensorSpec[] = []) => ({
  name,
  nodes,
  tensors,
});
const refuses = (name: string, nodes: readonly NodeSpec[], expected: [RegExp, ...TensorSpec[]]) => ({
  name,
  nodes,
  message: expected[0],
  tensors: expected.slice(1) as TensorSpec[],
});

describe("shape arithmetic folds away", () => {
  const row = [1, 2, 3, 4];
  const shapeOfX: NodeSpec = ["Shape", ["x"], ["s"]];

  test.each([
    folds("Shape, Gather, Unsqueeze, Concat, Reshape", [
      shapeOfX,
      ["Gather", ["s", "zero"], ["n"]],
      ["Unsqueeze", ["n", "zeros1"], ["n1"]],
      ["Concat", ["n1", "two1", "minus1"], ["t"], { axis: 0 }],
      ["Reshape", ["x", "t"], ["y"]],
    ]),
    folds("Shape(start, end), Concat, Reshape with allowzero", [
      ["Shape", ["x"], ["n1"], { start: 0, end: 1 }],
      ["Squeeze", ["n1"], ["n"]],
      ["Unsqueeze", ["n", "zeros1"], ["m"]],
      ["Concat", ["m", "four1"], ["t"], { axis: 0 }],
      ["Reshape", ["x", "t"], ["y"], { allowzero: 1 }],
    ]),
    folds("[-1, 2, 2]", [["Reshape", ["x", "t"], ["y"]]], [ints("t", [-1, 2, 2])]),
    folds("[0, -1]", [["Reshape", ["x", "t"], ["y"]]], [ints("t", [0, -1])]),
    folds(
      "[1, -1] and back",
      [
        ["Reshape", ["x", "t"], ["flat"]],
        ["Reshape", ["flat", "u"], ["y"]],
      ],
      [ints("t", [1, -1]), ints("u", [-1, 4])],
    ),
    folds("Shape, Cast, Slice, Concat, Cast, Reshape", [
      shapeOfX,
      ["Cast", ["s"], ["f"], { to: 1 }],
      ["Slice", ["f", "zeros1", "ones1"], ["n"]],
      ["Cast", ["four1"], ["k"], { to: 1 }],
      ["Concat", ["n", "k"], ["t"], { axis: 0 }],
      ["Cast", ["t"], ["u"], { to: 7 }],
      ["Reshape", ["x", "u"], ["y"]],
    ]),
    folds(
      "ConstantOfShape, Mul, Equal, Where, Expand",
      [
        ["ConstantOfShape", ["two1"], ["o"]],
        ["Cast", ["o"], ["oi"], { to: 7 }],
        ["Add", ["oi", "ones1"], ["ones"]],
        ["Mul", ["ones", "minus1"], ["m"]],
        ["Equal", ["t", "m"], ["e"]],
        ["Where", ["e", "ones", "t"], ["u"]],
        ["Expand", ["x", "u"], ["y"]],
      ],
      [ints("t", [-1, 4])],
    ),
    folds("zeros_like", [shapeOfX, ["ConstantOfShape", ["s"], ["z"]], ["Add", ["x", "z"], ["y"]]]),
    folds(
      "If on a feature size",
      [
        shapeOfX,
        ["Gather", ["s", "one"], ["k"]],
        ["Equal", ["k", "four"], ["c"]],
        [
          "If",
          ["c"],
          ["y"],
          {
            then_branch: {
              g: {
                nodes: [{ operator: "Identity", inputs: ["x"], outputs: ["r"] }],
                outputs: [{ name: "r" }],
              },
            },
            else_branch: { g: { nodes: [], outputs: [{ name: "x" }] } },
          },
        ],
      ],
      [ints("four", [4], [])],
    ),
    folds("Size over the feature sizes", [
      ["Shape", ["x"], ["s2"]],
      ["Size", ["x"], ["total"]],
      ["Gather", ["s2", "zero"], ["n"]],
      ["Div", ["total", "n"], ["k"]],
      ["Unsqueeze", ["k", "zeros1"], ["k1"]],
      ["Concat", ["minus1", "k1"], ["t"], { axis: 0 }],
      ["Reshape", ["x", "t"], ["y"]],
    ]),
  ])("$name", ({ nodes, tensors }) => {
    const model = imported(spec(nodes, { tensors }));
    expect(runRow(model.program, row)[0]).toEqual(row);
    expect(
      nodesOf(model.program).every(({ op }) =>
        ["input", "reshape", "constant", "add", "broadcast"].includes(op),
      ),
    ).toBe(true);
  });

  test("chunk: Shape, Gather, Add, Div, Mul, Slice", () => {
    const nodes: NodeSpec[] = [
      shapeOfX,
      ["Gather", ["s", "ones1"], ["k"]],
      ["Add", ["k", "ones1"], ["a"]],
      ["Div", ["a", "two1"], ["half"]],
      ["Mul", ["half", "ones1"], ["from"]],
      ["Mul", ["half", "two1"], ["to"]],
      ["Slice", ["x", "from", "to", "ones1"], ["y"]],
    ];
    expect(run(spec(nodes), row)).toEqual([3, 4]);
  });

  test("flip and pads through Slice with step −1 to −2⁶³ + 1", () => {
    const ends = ints("end", [-Number.MAX_SAFE_INTEGER]);
    expect(
      run(spec([["Slice", ["x", "minus1", "end", "ones1", "minus1"], ["y"]]], { tensors: [ends] }), row),
    ).toEqual([4, 3, 2, 1]);
  });

  test("head size via Cast, Div, Sqrt", () => {
    const nodes: NodeSpec[] = [
      shapeOfX,
      ["Gather", ["s", "one"], ["k"]],
      ["Cast", ["k"], ["f"], { to: 1 }],
      ["Sqrt", ["f"], ["r"]],
      ["Div", ["x", "r"], ["y"]],
    ];
    expect(run(spec(nodes), row)).toEqual([0.5, 1, 1.5, 2]);
  });

  test("variance: the count of a row's cells is a number", () => {
    const nodes: NodeSpec[] = [
      ["ReduceMean", ["x", "ones1"], ["m"]],
      ["Sub", ["x", "m"], ["d"]],
      ["Mul", ["d", "d"], ["q"]],
      shapeOfX,
      ["Gather", ["s", "ones1"], ["k"]],
      ["ReduceProd", ["k"], ["p"], { keepdims: 0 }],
      ["Cast", ["p"], ["f"], { to: 1 }],
      ["Sub", ["f", "unit"], ["g"]],
      ["ReduceSum", ["q", "ones1"], ["t"], { keepdims: 0 }],
      ["Div", ["t", "g"], ["y"]],
    ];
    expect(run(spec(nodes, { tensors: [floats("unit", [1], [])] }), [1, 2, 3, 6])).toEqual([14 / 3]);
  });
});

describe("the batch on any axis", () => {
  test("attention's merged axes: [T, B·H, d] and [T·B, E]", () => {
    const nodes: NodeSpec[] = [
      ["Transpose", ["x"], ["t"], { perm: [1, 0, 2] }],
      ["Reshape", ["t", "heads"], ["h"]],
      ["Transpose", ["h"], ["a"], { perm: [1, 0, 2] }],
      ["Transpose", ["h"], ["b"], { perm: [1, 2, 0] }],
      ["MatMul", ["a", "b"], ["scores"]],
      ["MatMul", ["scores", "a"], ["mixed"]],
      ["Transpose", ["mixed"], ["back"], { perm: [1, 0, 2] }],
      ["Reshape", ["back", "flat"], ["f"]],
      ["MatMul", ["f", "w"], ["p"]],
      ["Reshape", ["p", "full"], ["q"]],
      ["Transpose", ["q"], ["y"], { perm: [1, 0, 2] }],
    ];
    const tensors = [
      ints("heads", [3, -1, 2]),
      ints("flat", [-1, 4]),
      ints("full", [3, -1, 4]),
      floats("w", [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], [4, 4]),
    ];
    const model = imported(spec(nodes, { tensors, x: ["batch", 3, 4] }));
    expect(model.outputs[0]).toMatchObject({ shape: [3, 4], batchAxis: 0 });
    const x = [1, 0, 2, 0, 0, 1, 0, 1, 1, 1, 0, 0];
    const head = (h: number) => [0, 1, 2].map((t) => x.slice(4 * t + 2 * h, 4 * t + 2 * h + 2));
    const dot = (a: number[], b: number[]): number =>
      a.reduce((sum, value, k) => sum + value * (b[k] as number), 0);
    const expected = [0, 1, 2].flatMap((t) =>
      [0, 1].flatMap((h) =>
        [0, 1].map((k) =>
          head(h).reduce((sum, other) => sum + dot(head(h)[t] as number[], other) * (other[k] as number), 0),
        ),
      ),
    );
    expect(runRow(model.program, x)[0]).toEqual(expected);
  });

  test("a batch on axis 1, found because it alone has no size", () => {
    const model = imported(
      spec([["ReduceSum", ["x", "zeros1"], ["y"], { keepdims: 0 }]], { x: [3, "N", 2] }),
    );
    expect(model.inputs[0]).toMatchObject({ shape: [3, 2], batchAxis: 1 });
    expect(model.outputs[0]).toMatchObject({ shape: [2], batchAxis: 0 });
    expect(runRow(model.program, [1, 2, 3, 4, 5, 6])[0]).toEqual([9, 12]);
  });

  test("one literal row needs no proof, even where axes of one cell are summed", () => {
    const model = imported(
      spec(
        [
          ["ReduceSum", ["x", "zeros1"], ["s"], { keepdims: 1 }],
          ["Softmax", ["s"], ["y"], { axis: 0 }],
        ],
        { x: [1, 4] },
      ),
    );
    expect(model.inputs[0]).toMatchObject({ shape: [4], batchAxis: 0 });
    expect(model.outputs[0]).toMatchObject({ shape: [4], batchAxis: 0 });
    expect(runRow(model.program, [1, 2, 3, 4])[0]).toEqual([1, 1, 1, 1]);
  });

  test("a whole input as one row", () => {
    const model = imported(spec([["ReduceSum", ["x"], ["y"], { keepdims: 0 }]], { x: [2, 3] }), {
      batchAxis: null,
    });
    expect(model.inputs[0]).toMatchObject({ shape: [2, 3], batchAxis: null });
    expect(runRow(model.program, [1, 2, 3, 4, 5, 6])[0]).toEqual([21]);
  });

  test("an input without an open axis is shared by the rows of the others", () => {
    const model = imported({
      inputs: { x: ["batch", 2], p: [2] },
      outputs: ["y"],
      nodes: [["Mul", ["x", "p"], ["y"]]],
    });
    expect(model.inputs.map(({ shared }) => shared)).toEqual([false, true]);
    expect(model.program.inputs.map(({ level }) => level)).toEqual(["row", "bound"]);
    expect(runRow(model.program, [1, 2], [3, 4])[0]).toEqual([3, 8]);
  });

  test("what a person must say is asked for", () => {
    const model = spec([["Identity", ["x"], ["y"]]], { x: ["batch", "seq", 2] });
    expect(() => imported(model)).toThrow(
      /axes 0 \("batch"\), 1 \("seq"\) have no size.*batchAxis: 0, sizes: \{ "x:1": 16 \}/,
    );
    expect(imported(model, { batchAxis: 0, sizes: { seq: 3 } }).inputs[0]).toMatchObject({ shape: [3, 2] });
    expect(imported(model, { batchAxis: 1, sizes: { "x:0": 5 } }).inputs[0]).toMatchObject({
      shape: [5, 2],
      batchAxis: 1,
    });
    expect(() => imported(spec([["Identity", ["x"], ["y"]]], { x: [3, 4] }))).toThrow(/batchAxis: null/);
    expect(() => imported(spec([["Identity", ["x"], ["y"]]], { x: [3, 4] }), { batchAxis: 0 })).toThrow(
      /fixed at 3 rows/,
    );
    expect(() => imported(model, { batchAxis: { z: 0 } })).toThrow(/names the input "z"; the model has "x"/);
    expect(() => imported(model, { batchAxis: 7 })).toThrow(/no axis of input "x"/);
  });
});

describe("refusals", () => {
  test.each([
    refuses(
      "pairs of rows",
      [
        ["Transpose", ["x"], ["t"]],
        ["Unsqueeze", ["x", "zeros1"], ["a"]],
        ["Unsqueeze", ["x", "ones1"], ["b"]],
        ["Sub", ["a", "b"], ["y"]],
      ],
      [/Sub "sub3" mixes rows: its operands carry the batch on different axes/],
    ),
    refuses(
      "a sum over rows",
      [["ReduceSum", ["x"], ["y"]]],
      [/ReduceSum "reducesum0" mixes rows: reducing axis 0 goes over the batch/],
    ),
    refuses(
      "the first row",
      [["Gather", ["x", "zero"], ["y"]]],
      [/Gather "gather0" mixes rows: it picks rows by number along axis 0/],
    ),
    refuses(
      "some rows",
      [["Slice", ["x", "ones1", "three1", "zeros1"], ["y"]]],
      [/it takes some of the rows/],
    ),
    refuses(
      "reversed rows",
      [["Slice", ["x", "minus1", "end", "zeros1", "minus1"], ["y"]]],
      [/it takes some of the rows/, ints("end", [-(2 ** 40)])],
    ),
    refuses(
      "rows joined",
      [["Concat", ["x", "x"], ["y"], { axis: 0 }]],
      [/it joins tensors along axis 0, the batch/],
    ),
    refuses("rows split", [["Split", ["x"], ["y", "z"], { axis: 0 }]], [/it splits the rows/]),
    refuses("rows repeated", [["Tile", ["x", "two"], ["y"]]], [/it repeats the rows/, ints("two", [2, 1])]),
    refuses(
      "a row cut by Reshape",
      [["Reshape", ["x", "t"], ["y"]]],
      [/mixes rows: \(batch, 4\) cannot become \[-1, 3\] for every number of rows/, ints("t", [-1, 3])],
    ),
    refuses(
      "rows interleaved by Reshape",
      [
        ["Transpose", ["x"], ["a"]],
        ["Reshape", ["a", "t"], ["y"]],
      ],
      [/the batch does not stay whole/, ints("t", [-1, 4])],
    ),
    refuses(
      "a fixed number of rows",
      [["Reshape", ["x", "t"], ["y"]]],
      [/mixes rows: .* a fixed number of rows|cannot become/, ints("t", [2, 4])],
    ),
    refuses(
      "the number of rows as data",
      [
        ["Shape", ["x"], ["s"]],
        ["Gather", ["s", "zero"], ["n"]],
        ["Cast", ["n"], ["f"], { to: 1 }],
        ["Div", ["x", "f"], ["y"]],
      ],
      [/makes data out of the number of rows/],
    ),
    refuses(
      "a gram matrix",
      [
        ["Transpose", ["x"], ["t"]],
        ["MatMul", ["x", "t"], ["y"]],
      ],
      [/every row would be multiplied with every row/],
    ),
    refuses(
      "a covariance",
      [
        ["Transpose", ["x"], ["t"]],
        ["MatMul", ["t", "x"], ["y"]],
      ],
      [/it sums over the batch axis/],
    ),
    refuses(
      "cumulated rows",
      [["CumSum", ["x", "zero"], ["y"]]],
      [/summing up along axis 0 goes over the batch/],
    ),
    refuses(
      "sorted rows",
      [["TopK", ["x", "two1"], ["y", "i"], { axis: 0 }]],
      [/sorting along axis 0 goes over the batch/],
    ),
    refuses(
      "look-ups by fixed indices",
      [["GatherElements", ["x", "i"], ["y"], { axis: 1 }]],
      [
        /GatherElements "gatherelements0" mixes rows: its tensors do not carry the batch on the same axis/,
        ints("i", [1, 2], [1, 2]),
      ],
    ),
    refuses(
      "writes into fixed rows",
      [["ScatterND", ["x", "i", "u"], ["y"]]],
      [/it writes rows by number along axis 0/, ints("i", [0], [1, 1]), floats("u", [1, 2, 3, 4], [1, 4])],
    ),
    refuses("the batch squeezed away", [["Squeeze", ["x", "zeros1"], ["y"]]], [/it squeezes the batch axis/]),
    refuses(
      "a constant per row",
      [["Add", ["x", "table"], ["y"]]],
      [/each row would get its own constants/, floats("table", [1, 2, 3, 4, 5, 6, 7, 8], [2, 4])],
    ),
    refuses(
      "an einsum over rows",
      [["Einsum", ["x", "x"], ["y"], { equation: "bi,bj->ij" }]],
      [/Einsum "einsum0" mixes rows: it sums over the batch axis/],
    ),
  ])("$name", ({ nodes, message, tensors }) => {
    const attempt = () => imported(spec(nodes, { tensors }));
    expect(attempt).toThrow(UnsupportedError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(/Path: input "x" → |makes data/);
  });

  test("F13: all missing operators at once, with nodes and reasons", () => {
    const nodes: NodeSpec[] = [
      ["QuantizeLinear", ["x"], ["a"]],
      ["custom.Magic", ["a"], ["b"]],
      ["custom.Magic", ["b"], ["c"]],
      ["RandomNormalLike", ["c"], ["d"]],
      ["Nothing", ["x"], ["unused"]],
      ["Add", ["c", "d"], ["y"]],
    ];
    const attempt = () => imported(spec(nodes));
    expect(attempt).toThrow(/uses 3 operators/);
    expect(attempt).toThrow(/custom\.Magic: nodes "custom\.magic1", "custom\.magic2"/);
    expect(attempt).toThrow(/QuantizeLinear: node "quantizelinear0" \(quantized arithmetic/);
    expect(attempt).not.toThrow(/Nothing/);
  });
});
