/** The kink report: rows near a jump of the Jacobian, and the unit that causes it. */

import { describe, expect, test } from "vitest";
import * as j from "../../src/index.ts";
import { loadOnnx, type OnnxFunction } from "../../src/onnx.ts";
import { model } from "../onnx/encode.ts";
import { goldens } from "../onnx/support.ts";

const X = [[-1], [-0.0004], [0.3], [0.5003], [2]];

/** Functions, and which rows of X lie within 1e-3 of a kink. */
const cases: Readonly<
  Record<string, { readonly f: (x: j.Row<1>) => unknown; readonly rows: readonly number[] }>
> = {
  relu: { f: (x) => j.relu(x), rows: [1] },
  abs: { f: (x) => j.abs(x.sub(2)), rows: [4] },
  max: { f: (x) => j.maximum(x, 0.5), rows: [3] },
  where: { f: (x) => j.where(j.lt(x, 0.3), x, x.mul(x)), rows: [2] },
  clip: { f: (x) => j.clip(x, -1, 0.5), rows: [0, 3] },
  floor: { f: (x) => j.floor(x).mul(x), rows: [0, 1, 4] },
  round: { f: (x) => j.round(x).mul(x), rows: [3] },
  norm: { f: (x) => j.norm(x), rows: [1] },
  reduceMax: { f: (x) => j.max(j.concat([x, x.mul(x)])), rows: [1] },
  smooth: { f: (x) => j.softplus(x).add(j.softmax(x)).add(j.gelu(x)).add(j.tanh(x)), rows: [] },
  mod: { f: (x) => j.mod(x, 0.5).mul(x), rows: [0, 1, 3, 4] },
  min: { f: (x) => j.min(j.stack([x.sum(), j.mul(x, 2).sum(), j.mul(x, 3).sum()])), rows: [1] },
  tie: { f: (x) => j.max(j.concat([x, x])), rows: [0, 1, 2, 3, 4] },
  stopped: { f: (x) => x.mul(j.stopGradient(j.relu(x))), rows: [] },
  elu: { f: (x) => j.elu(x), rows: [] },
};

describe("findKinks", () => {
  test.each(Object.entries(cases))("%s", async (_, { f, rows }) => {
    const report = await j.findKinks(f, X, { epsilon: 1e-3 });
    expect(report.rows).toEqual(rows);
    expect(report).toMatchObject({ count: rows.length, checked: 5, epsilon: 1e-3 });
    expect(report.units.length > 0).toBe(rows.length > 0);
  });

  test("the unit is named with its place in the array and its margin", async () => {
    const f = (x: j.Row<3>) => j.relu(x).sum();
    const report = await j.findKinks(
      f,
      [
        [1, 2, 1e-6],
        [1, 2, 3],
      ],
      { epsilon: 1e-3 },
    );
    expect(report.units).toHaveLength(1);
    expect(report.units[0]?.name).toContain("kinks.test.ts");
    expect(report.units[0]).toMatchObject({ rows: 1, shape: [3], nearest: { row: 0, index: [2] } });
    expect(report.units[0]?.nearest.margin).toBeCloseTo(1e-6, 15);
    expect(report.message).toMatch(/^1 of 2 rows/);
  });

  test("in a model, it is the model's node", async () => {
    const golden = goldens().find(({ name }) => name === "mlp_relu");
    const model = await loadOnnx(golden?.bytes as Uint8Array);
    const rows = { data: golden?.read("X") as Float64Array<ArrayBuffer>, shape: [16, 8] };
    const wide = await j.findKinks(model, rows, { epsilon: 0.05 });
    expect(wide.count).toBeGreaterThan(0);
    expect(wide.units[0]?.name).toMatch(/^Relu "/);
    const narrow = await j.findKinks(model, rows, { epsilon: 1e-12 });
    expect(narrow).toMatchObject({ count: 0, units: [] });
    const smooth = await j.findKinks(j.smooth(model, { beta: 10 }), rows, { epsilon: 0.05 });
    expect(smooth.message).toContain("no kinks");
  });

  test("a distance that is none is refused", async () => {
    await expect(j.findKinks((x: j.Row<1>) => j.relu(x), X, { epsilon: 0 })).rejects.toThrow(j.UsageError);
  });
});

test("pools of an imported network: their ties count, those of flat units do not; smoothed there are none", async () => {
  const shape = { inputs: { x: ["n", 1, 4] }, outputs: ["y"], opset: 17 } as const;
  const pool = ["MaxPool", ["r"], ["y"], { kernel_shape: [2], strides: [2] }] as const;
  const [plain, flat] = await Promise.all(
    ["Identity", "Relu"].map((operator) =>
      loadOnnx(model({ ...shape, nodes: [[operator, ["x"], ["r"]], pool] })),
    ),
  );
  const rows = { data: Float64Array.of(1, 1.0005, 5, 3, 1, 2, 5, 3, -1, -1, 2, 1), shape: [3, 1, 4] };
  const near = (f = plain as OnnxFunction) => j.findKinks(f, rows, { epsilon: 1e-3 });
  expect((await near(plain)).rows).toEqual([0, 2]);
  expect((await near(flat)).rows).toEqual([0]);
  expect((await near(j.smooth(plain as OnnxFunction, { beta: 10 }))).message).toContain("no kinks");
});
