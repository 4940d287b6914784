/** Options of every function that takes some: what is unknown or unusable is refused with what was meant, never ignored. */

import { describe, expect, test } from "vitest";
import * as nn from "../../src/nn.ts";
import {
  checkJacobian,
  custom,
  findKinks,
  jacrow,
  type Row,
  rows,
  type Tensor,
  toSource,
} from "../../src/node.ts";
import { loadOnnx, toOnnx } from "../../src/onnx.ts";

const f = (x: Row<2>): Tensor => x.mul(x);
const X = [[1, 2]];
const loss = (p: { w: Tensor }, { x }: { x: Tensor }): Tensor => p.w.mul(x).sum();
const J = jacrow(f, { device: "interpreter" });

/** Calls with options of any kind, and some that they must take. */
const calls: Readonly<Record<string, readonly [call: (options: never) => unknown, base: object]>> = {
  jacrow: [(o) => jacrow(f, o), { device: "interpreter" }],
  rows: [(o) => rows(f, o), {}],
  checkJacobian: [(o) => checkJacobian(f, X, o), {}],
  findKinks: [(o) => findKinks(f, X, o), { epsilon: 1e-3 }],
  toSource: [(o) => toSource(f, o), { format: "js", inputs: [2] }],
  toOnnx: [(o) => toOnnx(f, o), { inputs: [2] }],
  loadOnnx: [(o) => loadOnnx("no-such.onnx", o), {}],
  "jacrow(f).explain": [(o) => J.explain(o), { inputs: [2] }],
  "jacrow(f).compile": [(o) => J.compile(o), { inputs: [2] }],
  "jacrow(f).pattern": [(o) => J.pattern(o), { inputs: [2] }],
  grad: [(o) => nn.grad<{ w: nn.Parameter }, { x: Tensor }>(loss, o), {}],
  train: [(o) => nn.train(o), {}],
  adam: [(o) => nn.adam(o), {}],
  sgd: [(o) => nn.sgd(o), {}],
  dense: [(o) => nn.dense(o), { inputs: 1, outputs: 1 }],
  convolution: [(o) => nn.convolution(o), { channels: 1, features: 1, window: [3] }],
  layerNorm: [(o) => nn.layerNorm(o), { shape: [3] }],
  convolve: [(o) => nn.convolve(1, 1, o), {}],
  initialParameters: [(o) => nn.initialParameters(nn.dense({ inputs: 1, outputs: 1 }), o), {}],
  differentialNetwork: [(o) => nn.differentialNetwork(o), { inputs: 1, outputs: 1, width: 2 }],
  stepDecay: [(o) => nn.stepDecay(o), { every: 1 }],
  exponentialDecay: [(o) => nn.exponentialDecay(o), { end: 0.1 }],
  cosineDecay: [(o) => nn.cosineDecay(o), {}],
  loadWeights: [(o) => nn.loadWeights([], new Map(), o), {}],
};

/** The message of the error of a call, thrown or by a rejected promise. */
async function refusal(name: string, options: unknown): Promise<string> {
  try {
    await calls[name]?.[0](options as never);
  } catch (error) {
    return (error as Error).message;
  }
  return "accepted";
}

describe("every function with options", () => {
  test.each(Object.keys(calls))("%s refuses what it does not know, wherever it stands", async (name) => {
    const base = calls[name]?.[1];
    expect(await refusal(name, { ...base, nonsense: 1 })).toContain(`JR451: ${name} has no option nonsense`);
    expect(await refusal(name, { ...base, nonsense: undefined })).toContain("JR451");
    for (const wrong of [3, null, [1], "fast"]) {
      expect(await refusal(name, wrong)).toContain(`JR450: ${name} takes options as {`);
    }
  });

  const values: readonly (readonly [name: string, options: object, says: RegExp])[] = [
    ["jacrow", { wrt: {} }, /option wrt of jacrow takes names or positions, got an object/],
    ["jacrow", { threads: 0 }, /threads of jacrow takes a whole number from 1 to 1024, got 0/],
    ["rows", { maxBytes: "1" }, /maxBytes of rows takes a number of bytes, got "1"/],
    [
      "checkJacobian",
      { tolerance: Number.NaN },
      /tolerance of checkJacobian takes a number above 0, got NaN/,
    ],
    ["checkJacobian", { mode: "backward" }, /takes "auto", "forward", "reverse", got "backward"/],
    ["findKinks", { epsilon: "1" }, /epsilon of findKinks takes a number, got "1"/],
    ["toSource", { vector: 64 }, /vector of toSource takes 128, 256, 512, got 64/],
    ["toSource", { format: "pascal" }, /format of toSource takes "c", "js", "wasm", got "pascal"/],
    ["toSource", { layout: "column" }, /takes "row", "col"/],
    ["toOnnx", { results: "values" }, /results of toOnnx takes "both", "value", "jacobian"/],
    ["toOnnx", { opset: "17" }, /opset of toOnnx takes a whole number/],
    ["loadOnnx", { outputs: "y" }, /outputs of loadOnnx takes an array of names, got "y"/],
    ["jacrow(f).explain", { show: "ir" }, /show of jacrow\(f\)\.explain takes an array of "ir"/],
    ["grad", { reduction: "average" }, /reduction of grad takes "mean", "sum", "none", got "average"/],
    ["convolve", { stride: 0.5 }, /stride of convolve takes a whole number, got 0\.5/],
  ];
  test.each(values)("%s refuses %j", async (name, options, says) => {
    const message = await refusal(name, { ...calls[name]?.[1], ...options });
    expect(message).toMatch(/^JR452: option /);
    expect(message).toMatch(says);
  });

  const meant: readonly (readonly [name: string, option: string, meant: string])[] = [
    ["jacrow", "argnums", "wrt"],
    ["jacrow", "in_axes", "shared"],
    ["jacrow", "moed", "mode"],
    ["jacrow", "treads", "threads"],
    ["rows", "allow_unused", "allowZero"],
    ["checkJacobian", "rtol", "tolerance"],
    ["findKinks", "eps", "epsilon"],
    ["toSource", "vectorBytes", "vector"],
    ["toOnnx", "output", "outputs"],
    ["adam", "lr", "rate"],
    ["train", "batch_size", "batchRows"],
  ];
  test.each(meant)("%s: %s is %s", async (name, option, word) => {
    expect(await refusal(name, { ...calls[name]?.[1], [option]: 1 })).toContain(`; did you mean ${word}?`);
  });

  test("the place of the call is named, and few options are explained", async () => {
    expect(await refusal("jacrow", { argnums: 0 })).toMatch(
      /it has device, dtype, threads, .*\(at options\.test\.ts:\d+\)$/,
    );
    expect(await refusal("findKinks", { eps: 1 })).toContain("it has epsilon (a number), shared (an array");
  });

  test("what is accepted runs; undefined is as good as absent; a description may be spread", () => {
    expect(J.sync(X).data).toEqual(new Float64Array([2, 0, 0, 4]));
    expect(jacrow(f, { device: "interpreter", wrt: 0, mode: undefined as never }).sync(X).shape).toEqual([
      1, 2, 2,
    ]);
    expect(nn.dense({ ...nn.dense({ inputs: 1, outputs: 1 }), outputs: 2 }).outputs).toBe(2);
    expect(nn.adam({ ...nn.adam(), rate: 1 }).rate).toBe(1);
  });
});

describe("outputs", () => {
  const two = (x: Row<2>): { p: Tensor; q: Tensor } => ({ p: x.mul(2), q: x.sum() });

  test("toSource and toOnnx write what jacrow computes", async () => {
    const options = { inputs: [2], outputs: "q", format: "js", name: "two" } as const;
    const [first] = [...toSource(two, options)] as [string, string][];
    const url = `data:text/javascript,${encodeURIComponent(first?.[1] ?? "")}`;
    type Module = { two: (x: Float64Array) => { y: Float64Array; jac: Float64Array } };
    const { y, jac } = ((await import(url)) as Module).two(Float64Array.of(3, 4));
    expect([...y, ...jac]).toEqual([7, 1, 1]);
    const model = await loadOnnx(toOnnx(two, { inputs: [2], outputs: "q" }));
    expect(model.outputs.map(({ name }) => name)).toEqual(["Y", "Z"]);
    const entries = await loadOnnx(toOnnx((x: Row<2>) => x.mul(2), { inputs: [2], outputs: [1] }));
    expect(entries.outputs.map(({ shape }) => shape)).toEqual([[1], [1, 2]]);
    expect(() => toSource(two, { ...options, outputs: "r" })).toThrow("JR422");
  });

  test("checkJacobian compares those alone", () => {
    const wrong = custom((x: Tensor) => x.mul(2), { jvp: (_, [t]) => t as Tensor });
    const half = (x: Row<2>): { p: Tensor; q: Tensor } => ({ p: wrong(x), q: x.sum() });
    expect(checkJacobian(half, X, { outputs: "q" }).ok).toBe(true);
    expect(checkJacobian(half, X, { outputs: "p" }).worst[0]).toMatchObject({ output: "p" });
    expect(checkJacobian(two, X, { outputs: ["q", "p"] }).ok).toBe(true);
  });
});
