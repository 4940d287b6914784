/** Patterns that exporters write, and rules that moved from attributes to inputs between opsets. */

import { describe, expect, test } from "vitest";
import { program } from "./derivatives.ts";
import { type NodeSpec, node, type TensorSpec } from "./encode.ts";
import { imported, relativeError, runRow } from "./support.ts";

const ints = (
  name: string,
  values: readonly number[],
  shape: readonly number[] = [values.length],
): TensorSpec => ({ name, shape, values, type: "int64" });
const x = [1, 2, 4, 9];

/** The output of one row of x. */
const run = (
  nodes: readonly NodeSpec[],
  options: { tensors?: readonly TensorSpec[]; opset?: number; shape?: readonly number[] } = {},
): number[] => runRow(program({ nodes, x, ...options }), x)[0] as number[];

describe("attributes that became inputs", () => {
  test.each<[string, number, readonly NodeSpec[], readonly number[], (readonly TensorSpec[])?]>([
    ["Slice 9", 9, [["Slice", ["x"], ["y"], { starts: [1], ends: [-1], axes: [1] }]], [2, 4]],
    [
      "Slice 13",
      13,
      [["Slice", ["x", "s", "e", "a"], ["y"]]],
      [2, 4],
      [ints("s", [1]), ints("e", [-1]), ints("a", [1])],
    ],
    [
      "Unsqueeze and Squeeze 11",
      11,
      [
        ["Unsqueeze", ["x"], ["u"], { axes: [0, 3] }],
        ["Squeeze", ["u"], ["y"], { axes: [0, 3] }],
      ],
      x,
    ],
    [
      "Unsqueeze and Squeeze 13",
      13,
      [
        ["Unsqueeze", ["x", "a"], ["u"]],
        ["Squeeze", ["u", "a"], ["y"]],
      ],
      x,
      [ints("a", [0, 3])],
    ],
    [
      "Squeeze of all but the batch",
      13,
      [
        ["Unsqueeze", ["x", "a"], ["u"]],
        ["Squeeze", ["u"], ["y"]],
      ],
      x,
      [ints("a", [0, 3])],
    ],
    ["ReduceSum 11", 11, [["ReduceSum", ["x"], ["y"], { axes: [1], keepdims: 0 }]], [16]],
    ["ReduceSum 13", 13, [["ReduceSum", ["x", "a"], ["y"], { keepdims: 0 }]], [16], [ints("a", [1])]],
    ["ReduceMax 17", 17, [["ReduceMax", ["x"], ["y"], { axes: [-1] }]], [9]],
    ["ReduceMax 18", 18, [["ReduceMax", ["x", "a"], ["y"]]], [9], [ints("a", [-1])]],
    ["Split 11", 11, [["Split", ["x"], ["a", "y"], { axis: 1, split: [1, 3] }]], [2, 4, 9]],
    ["Split 18, unequal", 18, [["Split", ["x"], ["a", "y"], { axis: 1, num_outputs: 2 }]], [4, 9]],
    ["Pad 10", 10, [["Pad", ["x"], ["y"], { pads: [0, 1, 0, 1], value: { f: 7 } }]], [7, ...x, 7]],
    [
      "Pad 18 with axes",
      18,
      [["Pad", ["x", "p", "v", "a"], ["y"]]],
      [7, ...x, 7],
      [ints("p", [1, 1]), { name: "v", shape: [], values: [7] }, ints("a", [1])],
    ],
    ["TopK 9", 9, [["TopK", ["x"], ["y", "i"], { k: 2 }]], [9, 4]],
    ["Dropout 10", 10, [["Dropout", ["x"], ["y"], { ratio: { f: 0.5 } }]], x],
    [
      "BatchNormalization 9",
      9,
      [["BatchNormalization", ["x", "s", "z", "m", "s"], ["y"], { epsilon: { f: 0 } }]],
      [0, 1, 3, 8],
      [
        { name: "s", shape: [4], values: [1, 1, 1, 1] },
        { name: "z", shape: [4], values: [0, 0, 0, 0] },
        { name: "m", shape: [4], values: [1, 1, 1, 1] },
      ],
    ],
  ])("%s", (_, opset, nodes, expected, tensors = []) => {
    expect(run(nodes, { opset, tensors })).toEqual(expected);
  });

  test("an operator newer than the model's opset is missing by name", () => {
    expect(() => run([["Mish", ["x"], ["y"]]], { opset: 17 })).toThrow(
      /opset 17\) uses 1 operator.*\n.*Mish/,
    );
  });
});

describe("what exporters write", () => {
  test("Keras layer norm: BatchNormalization over channels that are the batch, with computed statistics", () => {
    const nodes: NodeSpec[] = [
      ["Reshape", ["x", "t"], ["r"]],
      ["ReduceMean", ["r"], ["mean"], { axes: [0, 2, 3], keepdims: 0 }],
      ["ReduceMean", ["r"], ["centre"], { axes: [0, 2, 3], keepdims: 1 }],
      ["Sub", ["r", "centre"], ["d"]],
      ["Mul", ["d", "d"], ["q"]],
      ["ReduceMean", ["q"], ["variance"], { axes: [0, 2, 3], keepdims: 0 }],
      ["Shape", ["mean"], ["s"]],
      ["ConstantOfShape", ["s"], ["ones"], { value: { t: { dims: [1], type: 1, floatData: [1] } } }],
      ["ConstantOfShape", ["s"], ["zeros"]],
      ["BatchNormalization", ["r", "ones", "zeros", "mean", "variance"], ["n"], { epsilon: { f: 0 } }],
      ["Reshape", ["n", "back"], ["y"]],
    ];
    const y = run(nodes, { opset: 15, tensors: [ints("t", [1, -1, 4, 1]), ints("back", [-1, 4])] });
    const deviation = Math.sqrt((9 + 4 + 0 + 25) / 4);
    expect(
      relativeError(
        y,
        [-3, -2, 0, 5].map((v) => v / deviation),
      ),
    ).toBeLessThan(1e-14);
  });

  test("the same with training_mode is refused", () => {
    const ones: TensorSpec = { name: "o", shape: [4], values: [1, 1, 1, 1] };
    expect(() =>
      run([["BatchNormalization", ["x", "o", "o", "o", "o"], ["y"], { training_mode: 1 }]], {
        opset: 15,
        tensors: [ones],
      }),
    ).toThrow(/JR520.*export the model in eval mode/);
  });

  test("a local function with attributes of the call", () => {
    const own = {
      name: "Slope",
      domain: "custom",
      inputs: ["a"],
      outputs: ["b"],
      attributeNames: ["rate"],
      operatorSets: [{ version: 21 }],
      nodes: [
        { ...node(["LeakyRelu", ["a"], ["c"]]), attributes: [{ name: "alpha", reference: "rate", type: 1 }] },
        node(["Neg", ["c"], ["b"]], 1),
      ],
    };
    const model = imported({
      inputs: { x: ["batch", 2] },
      outputs: ["y"],
      nodes: [["custom.Slope", ["x"], ["y"], { rate: 0.25 }]],
      functions: [own],
    });
    expect(runRow(model.program, [-4, 2])[0]).toEqual([1, -2]);
  });

  test("an embedding: whole numbers as input, looked up in shared weights", () => {
    const table: TensorSpec = { name: "w", shape: [3, 2], values: [1, 2, 3, 4, 5, 6] };
    const model = imported({
      inputs: { x: ["batch", 2] },
      outputs: ["y"],
      nodes: [
        ["Cast", ["x"], ["i"], { to: 7 }],
        ["Gather", ["w", "i"], ["y"]],
      ],
      tensors: [table],
    });
    expect(model.outputs[0]).toMatchObject({ shape: [2, 2], batchAxis: 0 });
    expect(runRow(model.program, [2, -3])[0]).toEqual([5, 6, 1, 2]);
  });

  test("a loop with a known count, and one without", () => {
    const body = {
      nodes: [node(["Add", ["h", "h"], ["next"]]), node(["Identity", ["go"], ["still"]], 1)],
      inputs: [{ name: "i" }, { name: "go" }, { name: "h" }],
      outputs: [{ name: "still" }, { name: "next" }, { name: "next" }],
    };
    const nodes: NodeSpec[] = [["Loop", ["n", "", "x"], ["last", "y"], { body: { g: body } }]];
    expect(
      run(
        nodes.map(([o, i, , a]) => [o, i, ["y", "all"], a ?? {}] as const),
        {
          tensors: [ints("n", [3], [])],
        },
      ),
    ).toEqual([8, 16, 32, 72]);
    const sized: NodeSpec[] = [
      ["ReduceMax", ["x"], ["m"], { keepdims: 0, axes: [1] }],
      ["Cast", ["m"], ["n"], { to: 7 }],
      ...nodes,
    ];
    expect(() => run(sized, { opset: 17 })).toThrow(
      /Loop "loop2": its trip count must be known before any row is.*input "x" → ReduceMax/,
    );
  });

  test("scalars are what their author wrote, weights are not", () => {
    const f32 = (name: string, value: number, shape: readonly number[]): TensorSpec => ({
      name,
      shape,
      values: [Math.fround(value)],
    });
    expect(run([["Mul", ["x", "c"], ["y"]]], { tensors: [f32("c", 0.1, [])] })).toEqual(
      x.map((v) => 0.1 * v),
    );
    expect(run([["Div", ["x", "c"], ["y"]]], { tensors: [f32("c", Math.SQRT2, [1])] })).toEqual(
      x.map((v) => v / Math.SQRT2),
    );
    const odd = Math.fround(0.123456789);
    expect(run([["Mul", ["x", "c"], ["y"]]], { tensors: [f32("c", odd, [])] })).toEqual(
      x.map((v) => odd * v),
    );
  });
});
