/** Convolutions in what is written: Conv for values, ConvTranspose for Jacobians, the same numbers as without them. */

import { describe, expect, test } from "vitest";
import { jacobianProgram, type Mode } from "../../src/autodiff/index.ts";
import { range, sizeOf } from "../../src/ir/shape.ts";
import type { Program } from "../../src/ir/types.ts";
import { programToOnnx } from "../../src/onnx/export/program.ts";
import { overlapSpacing } from "../../src/onnx/export/windows.ts";
import { readModel } from "../../src/onnx/model.ts";
import { loadOnnx, toOnnx } from "../../src/onnx.ts";
import { model, type NodeSpec, type TensorSpec } from "../onnx/encode.ts";
import { goldenRow, goldens, imported, relativeError, runRow } from "../onnx/support.ts";

const numbers = (count: number, seed = 1): number[] =>
  range(count).map((k) => Math.fround(Math.sin(seed + 1.7 * k)));
const weights = (name: string, shape: readonly number[]): TensorSpec => ({
  name,
  shape,
  values: numbers(sizeOf(shape), shape.length),
});

function operatorsOf(bytes: Uint8Array): string[] {
  return readModel(bytes, "model").graph.nodes.map(({ operator = "" }) => operator);
}

/** The program as a float32 model, read back, on one row. */
function expectSame(program: Program, row: readonly number[]): string[] {
  const bytes = programToOnnx(program, { dtype: "f32", derivatives: true });
  const [own, read] = [runRow(program, row), runRow(imported(bytes).program, row)];
  own.forEach((values, index) => expect(relativeError(read[index] ?? [], values)).toBeLessThan(1e-6));
  return operatorsOf(bytes);
}

interface Layer {
  readonly name: string;
  readonly node: NodeSpec;
  readonly x: readonly number[];
  readonly w: readonly number[];
}
const layer = (
  name: string,
  [x, w]: readonly [readonly number[], readonly number[]],
  attributes: object = {},
): Layer => ({
  name,
  x,
  w,
  node: [name.split(",")[0] as string, ["x", "w"], ["c"], attributes as Readonly<Record<string, unknown>>],
});

const layers: readonly Layer[] = [
  layer(
    "Conv, one axis",
    [
      [2, 9],
      [3, 2, 3],
    ],
    { pads: [1, 1] },
  ),
  layer(
    "Conv, stride and dilation",
    [
      [2, 11],
      [4, 2, 3],
    ],
    { strides: [2], dilations: [2], pads: [2, 0] },
  ),
  layer(
    "Conv, two axes",
    [
      [3, 6, 7],
      [4, 3, 3, 2],
    ],
    { pads: [1, 0, 1, 1] },
  ),
  layer(
    "Conv, groups",
    [
      [4, 5, 5],
      [6, 2, 3, 3],
    ],
    { group: 2, strides: [2, 1] },
  ),
  layer(
    "Conv, one channel each",
    [
      [3, 5, 5],
      [3, 1, 3, 3],
    ],
    { group: 3, pads: [1, 1, 1, 1] },
  ),
  layer("Conv, one channel in, one out", [
    [1, 5, 5],
    [1, 1, 3, 3],
  ]),
  layer("Conv, one place", [
    [2, 3, 3],
    [4, 2, 3, 3],
  ]),
  layer("Conv, cells of one", [
    [3, 4, 4],
    [5, 3, 1, 1],
  ]),
  layer("Conv, three axes", [
    [2, 3, 4, 4],
    [3, 2, 2, 2, 3],
  ]),
  layer(
    "ConvTranspose, two axes",
    [
      [3, 4, 4],
      [3, 2, 3, 3],
    ],
    {
      strides: [2, 2],
      pads: [1, 1, 1, 1],
      output_padding: [1, 1],
    },
  ),
  layer(
    "ConvTranspose, groups",
    [
      [4, 6],
      [4, 3, 3],
    ],
    { group: 2, strides: [3] },
  ),
];

describe.each(layers)("$name", ({ node, x, w }) => {
  const row = numbers(sizeOf(x), 5);
  const after = (nodes: readonly NodeSpec[]): Program =>
    imported(
      model({
        inputs: { x: ["n", ...x] },
        outputs: ["y"],
        nodes: [node, ...nodes],
        tensors: [weights("w", w)],
        opset: 17,
      }),
    ).program;

  test("its value is one node", () => {
    const operators = expectSame(after([["Tanh", ["c"], ["y"]]]), row);
    if (Math.max(...w.slice(2)) > 1) expect(operators).toContain(node[0]);
    expect(operators).not.toContain("Gather");
  });

  test.each(["forward", "reverse", "auto"] as Mode[])("Jacobian, %s", (mode) => {
    for (const activation of ["Tanh", "Relu"]) {
      const program = after([[activation, ["c"], ["y"]]]);
      expectSame(jacobianProgram(program, { wrt: [0], mode, value: true }), row);
    }
  });
});

describe("golden models in float32", () => {
  test.each(["cnn2d", "conv1d", "conv_batch1"])("%s", async (name) => {
    const golden = goldens().find((one) => one.name === name);
    if (golden === undefined) throw new Error(`no golden ${name}`);
    const net = await loadOnnx(golden.bytes);
    const bytes = toOnnx(net, { dtype: "f32" });
    expect(operatorsOf(bytes)).toEqual(expect.arrayContaining(["Conv", "ConvTranspose"]));
    const { program } = imported(bytes);
    const own = jacobianProgram(net.program, { wrt: [0], value: true });
    const row = goldenRow(golden, imported(golden.bytes), 0);
    runRow(own, ...row).forEach((values, index) =>
      expect(relativeError(runRow(program, ...row)[index] ?? [], values)).toBeLessThan(1e-6),
    );
  });

  test("float64 is written without: no runtime has it", () => {
    const golden = goldens().find((one) => one.name === "cnn2d");
    const { program } = imported(golden?.bytes as Uint8Array);
    expect(operatorsOf(programToOnnx(program, { dtype: "f64" }))).not.toContain("Conv");
  });
});

test("the matrix that adds windows up is told from others", () => {
  const matrix = (
    [count, size, length]: readonly [number, number, number],
    place: (i: number, k: number) => number,
  ): number[] =>
    range(count).flatMap((i) =>
      range(size).flatMap((k) => range(length).map((p) => (p === place(i, k) ? 1 : 0))),
    );
  const spacing = { stride: 2, dilation: 3, offset: -1 };
  const fits = matrix([4, 3, 10], (i, k) => 2 * i + 3 * k - 1);
  expect(overlapSpacing(fits, [4, 3, 10])).toEqual(spacing);
  expect(overlapSpacing(fits.with(0, 1), [4, 3, 10])).toBeUndefined();
  expect(
    overlapSpacing(
      fits.map((one) => 2 * one),
      [4, 3, 10],
    ),
  ).toBeUndefined();
  expect(
    overlapSpacing(
      matrix([3, 2, 9], (i, k) => i * i + k),
      [3, 2, 9],
    ),
  ).toBeUndefined();
  expect(overlapSpacing(new Array<number>(8).fill(0), [2, 2, 2])).toBeUndefined();
});
