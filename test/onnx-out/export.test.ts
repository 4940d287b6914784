/** ONNX out: what is written is read back equal, for every op, every golden Jacobian and traced functions. */

import { describe, expect, test } from "vitest";
import { expandJacobians, jacobianProgram } from "../../src/autodiff/index.ts";
import { UsageError } from "../../src/errors.ts";
import * as j from "../../src/index.ts";
import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import * as library from "../../src/ir/library/index.ts";
import { range } from "../../src/ir/shape.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import { encodeMessage } from "../../src/onnx/export/encode.ts";
import { programToOnnx } from "../../src/onnx/export/program.ts";
import { readModel } from "../../src/onnx/model.ts";
import { decodeMessage } from "../../src/onnx/wire.ts";
import { loadOnnx, toOnnx } from "../../src/onnx.ts";
import { randomOps, randomProgram } from "../ir/random-program.ts";
import { goldenRow, goldens, imported, relativeError, runRow } from "../onnx/support.ts";

/** The program after a round trip through a file. */
function again(program: Program, options: { opset?: number; derivatives?: boolean } = {}): Program {
  return imported(programToOnnx(program, { dtype: "f64", ...options })).program;
}

function expectSame(program: Program, rows: readonly (readonly number[])[], opset = 17): void {
  const back = again(program, { opset });
  for (const row of rows) {
    const [own, read] = [runRow(program, row), runRow(back, row)];
    own.forEach((values, index) => {
      const limit = 1e-13 * Math.max(1, ...values.filter(Number.isFinite).map(Math.abs));
      values.forEach((value, cell) => {
        const other = read[index]?.[cell] ?? Number.NaN;
        if (!Object.is(value, other) && value !== other)
          expect(Math.abs(other - value)).toBeLessThanOrEqual(limit);
      });
    });
  }
}

const UNARIES =
  "neg abs sign floor ceil round sqrt exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf".split(
    " ",
  );
type Unary = Parameters<Builder["unary"]>[0];
type Binary = Parameters<Builder["binary"]>[0];
const NUMBERS = [-800, -2.5, -1, -0.6, -1e-9, 0, 1e-9, 0.3, 0.5, 1, 1.5, 3, 800];

function one(body: (b: Builder, x: Node) => Node, shape: readonly number[]): Program {
  const b = new Builder();
  const x = b.input("x", shape);
  return programOf("one", [x], [{ name: "y", value: b.convert(body(b, x), "float") }]);
}

describe("every op", () => {
  test.each(UNARIES)("%s", (op) =>
    expectSame(
      one((b, x) => b.unary(op as Unary, x), [NUMBERS.length]),
      [NUMBERS],
    ),
  );

  test.each("add sub mul div pow mod min max atan2".split(" "))("%s", (op) => {
    const pairs = [-2.5, -1, 0, 0.4, 2, 7].flatMap((a) => [-1.5, 0.5, 3].map((b) => [a, b]));
    const half = (b: Builder, x: Node, start: number): Node =>
      b.slice(x, { starts: [start, 0], steps: [1, 1], shape: [1, pairs.length] });
    expectSame(
      one((b, x) => b.binary(op as Binary, half(b, x, 0), half(b, x, 1)), [2, pairs.length]),
      [pairs.map(([a]) => a as number).concat(pairs.map(([, b]) => b as number))],
    );
  });

  const grid = range(24).map((i) => Math.sin(3 * i) * 2);
  const weights = (b: Builder, shape: readonly number[]): Node =>
    b.constant(
      range(shape.reduce((p, n) => p * n, 1)).map((i) => Math.cos(i)),
      shape,
    );
  const spec = (starts: number[], steps: number[], shape: number[]) => ({ starts, steps, shape });
  const cases: Readonly<Record<string, (b: Builder, x: Node) => Node>> = {
    "compare and select": (b, x) =>
      b.select(b.logic("or", b.compare("le", x, b.constant(0)), b.compare("eq", x, x)), x, b.neg(x)),
    "not, and, ne": (b, x) =>
      b.logic("and", b.not(b.compare("lt", x, b.constant(0.5))), b.compare("ne", x, b.constant(0))),
    "select of bools": (b, x) => {
      const positive = b.compare("lt", b.constant(0), x);
      return b.select(positive, b.not(positive), b.compare("le", x, b.constant(-1)));
    },
    "any and all": (b, x) => {
      const positive = b.compare("lt", b.constant(0), x);
      return b.logic("or", b.reduce("any", positive, [0, 2]), b.reduce("all", positive, [0, 2]));
    },
    "NaN as an int is 0": (b, x) => b.convert(b.convert(b.unary("sqrt", x), "int"), "float"),
    "int arithmetic": (b, x) => b.binary("mod", b.convert(x, "int"), b.constant(2, [], "int")),
    transpose: (b, x) => b.transpose(x, [2, 0, 1]),
    "broadcast of a row's value": (b, x) => b.broadcast(b.reduce("reduceSum", x, [0]), [5, 3, 4]),
    "broadcast over the batch": (b, x) =>
      b.mul(b.reduce("reduceMax", x, [0, 1]), b.broadcast(b.constant(2), [2, 3, 4])),
    "slice, backwards": (b, x) => b.slice(x, spec([1, 2, 3], [-1, -2, -1], [2, 2, 4])),
    pad: (b, x) => b.pad(x, spec([1, 0, 2], [1, 1, 1], [4, 3, 7])),
    "pad with steps": (b, x) => b.pad(x, spec([1, 5, 0], [2, -2, 3], [4, 7, 12])),
    "concat with shared parts": (b, x) => b.concat([x, weights(b, [2, 1, 4]), x], 1),
    "window and unwindow": (b, x) => {
      const windows = b.window(x, { axis: 2, size: 2, stride: 1, dilation: 2 });
      return b.unwindow(b.mul(windows, windows), { axis: 2, length: 4, stride: 1, dilation: 2 });
    },
    "unwindow with gaps": (b, x) => b.unwindow(x, { axis: 1, length: 16, stride: 5, dilation: 1 }),
    "gather of known places": (b, x) => b.gather(x, b.constant([2, 0, 0, 1], [2, 2], "int"), 1),
    "gather by the row": (b, x) => {
      const index = b.binary(
        "mod",
        b.convert(b.slice(x, spec([0, 0, 0], [1, 1, 1], [1, 1, 4])), "int"),
        b.constant(3, [], "int"),
      );
      return b.gather(x, b.reshape(index, [4]), 1);
    },
    "gather by the row from weights": (b, x) => {
      const index = b.binary(
        "mod",
        b.convert(b.slice(x, spec([0, 0, 0], [1, 1, 1], [1, 1, 4])), "int"),
        b.constant(3, [], "int"),
      );
      return b.gather(weights(b, [2, 3, 5]), b.reshape(index, [2, 2]), 1);
    },
    "scatterAdd to known places": (b, x) =>
      b.scatterAdd(x, b.constant([4, 1, 1], [3], "int"), { axis: 1, size: 6 }),
    "scatterAdd of many to one": (b, x) =>
      b.scatterAdd(
        b.reshape(x, [24]),
        b.constant(
          range(24).map((i) => (i < 20 ? 7 : i)),
          [24],
          "int",
        ),
        { axis: 0, size: 60 },
      ),
    "scatterAdd by the row": (b, x) => {
      const index = b.binary(
        "mod",
        b.convert(b.slice(x, spec([0, 0, 0], [1, 1, 1], [1, 3, 1])), "int"),
        b.constant(5, [], "int"),
      );
      return b.scatterAdd(x, b.reshape(index, [3]), { axis: 1, size: 5 });
    },
    "reduceProd, reduceMin": (b, x) => b.add(b.reduce("reduceProd", x, [0]), b.reduce("reduceMin", x, [0])),
    iota: (b, x) => b.mul(x, b.convert(b.iota([2, 3, 4], 1), "float")),
    "contract: weights right": (b, x) =>
      b.contract(x, weights(b, [4, 5]), { a: [0, 1, 2], b: [2, 3], out: [0, 1, 3] }),
    "contract: weights left": (b, x) =>
      b.contract(weights(b, [5, 2]), x, { a: [3, 0], b: [0, 1, 2], out: [3, 1, 2] }),
    "contract: vector by weights": (b, x) =>
      b.contract(b.reshape(x, [24]), weights(b, [24, 3]), { a: [0], b: [0, 1], out: [1] }),
    "contract: two rows, stacked": (b, x) =>
      b.contract(x, b.transpose(x, [2, 0, 1]), { a: [0, 1, 2], b: [2, 0, 3], out: [3, 0, 1] }),
    "contract: outer": (b, x) =>
      b.contract(x, weights(b, [3, 5]), { a: [0, 1, 2], b: [1, 3], out: [3, 1, 0, 2] }),
    "contract: all summed": (b, x) => b.contract(x, x, { a: [0, 1, 2], b: [0, 1, 2], out: [] }),
    "contract: summed on one side alone": (b, x) =>
      b.contract(x, weights(b, [3]), { a: [0, 1, 2], b: [1], out: [1, 0] }),
    "a value all rows share": (b) => weights(b, [2, 3]),
    "a large uniform value": (b, x) => b.concat([b.constant(7, [20, 3, 4]), x], 0),
  };
  test.each(Object.entries(cases))("%s", (_, body) =>
    expectSame(one(body, [2, 3, 4]), [grid, grid.map((x) => 1 - x)]),
  );
});

test("a sum over rows is one tensor without a batch axis", () => {
  const b = new Builder();
  const x = b.input("x", [2]);
  const sum = programOf("sum", [x], [{ name: "s", value: b.rowSum(b.mul(x, x)) }]);
  const { graph } = readModel(programToOnnx(sum, { dtype: "f32" }), "sum");
  expect(graph.outputs[0]?.type?.tensor?.shape?.dims).toHaveLength(1);
  expect(graph.nodes.map(({ operator }) => operator)).toEqual(["Mul", "ReduceSum", "Identity"]);
});

describe("calls", () => {
  const calls: Readonly<Record<string, (b: Builder, x: Node) => Node>> = {
    sigmoid: library.sigmoid,
    softplus: (b, x) => library.softplus(b, x, { beta: 2 }),
    softsign: library.softsign,
    relu: library.relu,
    leakyRelu: (b, x) => library.leakyRelu(b, x, 0.25),
    prelu: (b, x) => library.prelu(b, x, b.constant(0.25)),
    elu: library.elu,
    selu: (b, x) => library.selu(b, x),
    celu: (b, x) => library.celu(b, x, 2),
    gelu: library.gelu,
    geluTanh: (b, x) => library.gelu(b, x, true),
    mish: library.mish,
    silu: library.silu,
    hardSwish: library.hardSwish,
    hardSigmoid: (b, x) => library.hardSigmoid(b, x),
    clip: (b, x) => library.clip(b, x, { min: -1 }),
    softmax: (b, x) => library.softmax(b, x, 1),
    logSoftmax: (b, x) => library.logSoftmax(b, x, 0),
    logsumexp: (b, x) => library.logsumexp(b, x, 0),
    logAddExp: (b, x) => library.logAddExp(b, x, b.neg(x)),
    norm2: (b, x) => library.norm2(b, x, [1]),
    layerNorm: (b, x) => library.layerNorm(b, x, { axes: [1] }),
  };
  test.each(Object.entries(calls))("%s, at opsets 17 and 22", (_, body) => {
    for (const opset of [17, 22]) expectSame(one(body, [2, 3]), [[-3, -0.5, 0, 0.2, 1, 4]], opset);
  });
});

test("random programs survive the way out and back", () => {
  const ops = randomOps.filter((op) => op !== "rowSum");
  for (const seed of range(30)) {
    const program = expandJacobians(randomProgram(seed, { size: 18, ops, identities: seed % 2 === 0 }));
    const back = again(program);
    const row = program.inputs.map(({ shape }) =>
      range(shape.reduce((p, n) => p * n, 1)).map((i) => Math.sin(i + seed)),
    );
    const [own, read] = [runRow(program, ...row), runRow(back, ...row)];
    own.forEach((values, index) => {
      const scale = Math.max(1, ...values.map(Math.abs));
      const gaps = values.map((value, cell) => Math.abs(value - (read[index]?.[cell] ?? Number.NaN)));
      if (Number.isFinite(scale)) expect(Math.max(0, ...gaps)).toBeLessThan(1e-9 * scale);
    });
  }
});

describe("Jacobians of golden models", () => {
  test.each(goldens().filter(({ meta }) => meta.mixes_rows !== true))("$name", (golden) => {
    const model = imported(golden.bytes);
    const wrt = range(model.inputs.length);
    const program = jacobianProgram(model.program, { wrt, value: true });
    const back = again(program, { derivatives: true });
    const row = goldenRow(golden, model, 1);
    const [own, read] = [runRow(program, ...row), runRow(back, ...row)];
    own.forEach((values, index) => expect(relativeError(read[index] ?? [], values)).toBeLessThan(1e-12));
  });
});

describe("toOnnx", () => {
  const arm = ([a, b]: j.Row<2>) => j.stack([j.cos(a).add(j.cos(a.add(b))), j.sin(a).add(j.sin(a.add(b)))]);

  test("a traced function gives Y and Z with a dynamic batch axis", async () => {
    const bytes = toOnnx(arm, { inputs: [2], dtype: "f64" });
    const { graph } = readModel(bytes, "arm");
    expect(graph.outputs.map(({ name }) => name)).toEqual(["Y", "Z"]);
    const sizes = graph.outputs[1]?.type?.tensor?.shape?.dims.map(({ value, symbol }) => symbol ?? value);
    expect(sizes).toEqual(["n", 2, 2]);
    const X = [
      [0.1, 0.2],
      [1, -0.4],
    ];
    const { Y, Z } = await j.rows<{ Y: j.NdArray; Z: j.NdArray }>(await loadOnnx(bytes))(X);
    expect(relativeError(Z.data, (await j.jacrow(arm)(X)).data)).toBeLessThan(1e-12);
    expect(relativeError(Y.data, (await j.rows(arm)(X)).data)).toBeLessThan(1e-12);
  });

  test("several inputs name the outputs, shared ones have no batch axis", () => {
    const f = ({ x, u, p }: { x: j.Row<3>; u: j.Row<2>; p: j.Scalar }) => ({
      s: x.sum().mul(p),
      t: j.mul(u, p).mul(x.sum()),
    });
    const inputs = { x: [3], u: [2], p: [] };
    const bytes = toOnnx(f, { inputs, shared: ["p"], wrt: ["x", "p"] });
    const { graph } = readModel(bytes, "f");
    expect(graph.outputs.map(({ name }) => name)).toEqual(["Y_s", "Y_t", "Z_s_x", "Z_s_p", "Z_t_x", "Z_t_p"]);
    expect(graph.inputs.map(({ type }) => type?.tensor?.shape?.dims.length)).toEqual([2, 2, 0]);
    expect(readModel(toOnnx(f, { inputs, results: "value" }), "f").graph.outputs).toHaveLength(2);
    expect(readModel(toOnnx(f, { inputs, results: "jacobian", wrt: "x" }), "f").graph.outputs).toHaveLength(
      2,
    );
  });

  test("inputs named Y and v0 are no trouble", async () => {
    const bytes = toOnnx(({ Y, v0 }: { Y: j.Row<2>; v0: j.Row<2> }) => j.exp(Y).mul(v0), {
      inputs: { Y: [2], v0: [2] },
    });
    expect(readModel(bytes, "f").graph.outputs.map(({ name }) => name)).toEqual(["Y_", "Z_Y", "Z_v0"]);
    expect((await loadOnnx(bytes)).inputs.map(({ name }) => name)).toEqual(["Y", "v0"]);
  });

  test("what cannot be written is told", () => {
    expect(() => toOnnx(arm)).toThrow(/JR430.*inputs/);
    expect(() => toOnnx(arm, { inputs: [2], opset: 9 })).toThrow(UsageError);
    expect(() => toOnnx(() => 1, { inputs: [2] })).toThrow(UsageError);
  });
});

test("the encoder writes what the reader reads", () => {
  const message = {
    irVersion: 8,
    producer: "ü",
    graph: {
      name: "g",
      initializers: [{ name: "w", dims: [2, 300], type: 1, raw: Uint8Array.of(1, 2, 255) }],
    },
    operatorSets: [{ domain: "", version: 17 }],
  };
  const model = decodeMessage(encodeMessage("Model", message), "Model", "m");
  expect(model).toMatchObject({ irVersion: 8, producer: "ü", operatorSets: [{ domain: "", version: 17 }] });
  expect(model["graph"]).toMatchObject({
    initializers: [{ dims: [[2, 300]], raw: Uint8Array.of(1, 2, 255) }],
  });
  const floats = { name: "a", f: 0.5, i: -(2 ** 63), floats: [1, 2] };
  expect(decodeMessage(encodeMessage("Attribute", floats), "Attribute", "a")).toMatchObject({
    f: 0.5,
    i: -(2 ** 63),
    floats: [[1, 2]],
  });
  expect(() => encodeMessage("Model", { graf: {} })).toThrow(/no field graf/);
});
