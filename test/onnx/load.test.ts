/** A loaded network as a function: in traced functions, by position or by name, with the ports and dtype of its model. */

import { describe, expect, test } from "vitest";
import { jacobianProgram } from "../../src/autodiff/index.ts";
import { jacobian, type NdArray, rows, valueAndJacobian } from "../../src/index.ts";
import { importModel } from "../../src/onnx/import.ts";
import { readModel } from "../../src/onnx/model.ts";
import { loadOnnx, type OnnxFunction } from "../../src/onnx.ts";
import { add, mul } from "../../src/trace/functions.ts";
import type { Tensor } from "../../src/trace/shapes.ts";
import { trace } from "../../src/trace/trace.ts";
import { model } from "./encode.ts";
import { goldenRow, goldens, imported, relativeError, runRow } from "./support.ts";

const golden = (name: string) =>
  goldens().find((one) => one.name === name) as ReturnType<typeof goldens>[number];

/** One Runge-Kutta step of length h with the control held. */
function rungeKutta(net: OnnxFunction, h: number) {
  return ({ x, u }: { x: Tensor; u: Tensor }): Tensor => {
    const slope = (at: Tensor): Tensor => net(at, u);
    const k1 = slope(x);
    const k2 = slope(add(x, mul(h / 2, k1)));
    const k3 = slope(add(x, mul(h / 2, k2)));
    const k4 = net({ x: add(x, mul(h, k3)), u });
    return add(x, mul(h / 6, add(add(k1, mul(2, k2)), add(mul(2, k3), k4))));
  };
}

const signature = {
  structure: {
    kind: "array",
    items: [
      {
        kind: "object",
        entries: [
          ["x", { kind: "leaf", index: 0 }],
          ["u", { kind: "leaf", index: 1 }],
        ],
      },
    ],
  },
  inputs: [
    { name: "x", shape: [4], level: "row" },
    { name: "u", shape: [2], level: "row" },
  ],
} as const;

describe("a network inside a traced function", () => {
  test("an RK4 step over dynamics_two_inputs, and its Jacobians", async () => {
    const one = golden("dynamics_two_inputs");
    const net = await loadOnnx(one.bytes);
    const { program } = trace(rungeKutta(net, 0.1), signature);
    const [x, u] = goldenRow(one, imported(one.bytes), 0) as [Float64Array, Float64Array];
    const f = (at: readonly number[]): number[] => runRow(net.program, at, u)[0] as number[];
    const axpy = (h: number, k: readonly number[]): number[] =>
      [...x].map((value, i) => value + h * (k[i] as number));
    const k1 = f([...x]);
    const k2 = f(axpy(0.05, k1));
    const k3 = f(axpy(0.05, k2));
    const k4 = f(axpy(0.1, k3));
    const expected = [...x].map(
      (value, i) =>
        value +
        (0.1 / 6) * ((k1[i] as number) + 2 * (k2[i] as number) + 2 * (k3[i] as number) + (k4[i] as number)),
    );
    expect(relativeError(runRow(program, x, u)[0] as number[], expected)).toBeLessThan(1e-14);
    const jacobians = runRow(jacobianProgram(program, { wrt: [0, 1] }), x, u);
    for (const [input, size] of [
      [0, 4],
      [1, 2],
    ] as const) {
      const columns = Array.from({ length: size }, (_, k) => {
        const moved = (step: number): number[] => {
          const rows = [Array.from(x), Array.from(u)] as [number[], number[]];
          rows[input][k] = (rows[input][k] as number) + step;
          return runRow(program, ...rows)[0] as number[];
        };
        const [up, down] = [moved(1e-6), moved(-1e-6)];
        return up.map((value, j) => (value - (down[j] as number)) / 2e-6);
      });
      const differences = Array.from(
        { length: 4 * size },
        (_, cell) => columns[cell % size]?.[Math.floor(cell / size)] as number,
      );
      expect(relativeError(jacobians[input] as number[], differences)).toBeLessThan(1e-6);
    }
  });

  test("wrong arguments say what the network takes", async () => {
    const net = await loadOnnx(golden("dynamics_two_inputs").bytes);
    expect(() => net([1, 2, 3, 4])).toThrow(/traced/);
    const alone = {
      structure: { kind: "array", items: [{ kind: "leaf", index: 0 }] },
      inputs: [{ name: "x", shape: [4], level: "row" }],
    } as const;
    expect(() => trace((x: Tensor) => net(x), alone)).toThrow(/takes x \(4,\), u \(2,\)/);
    expect(() => trace((x: Tensor) => net(x, x), alone)).toThrow(/input u has shape \(2,\), got \(4,\)/);
  });

  test("ports, name and width", async () => {
    const net = await loadOnnx(golden("dynamics_two_inputs").bytes);
    expect(net.inputs).toEqual([
      { name: "x", shape: [4], dtype: "float32", batchAxis: 0, shared: false },
      { name: "u", shape: [2], dtype: "float32", batchAxis: 0, shared: false },
    ]);
    expect(net.outputs).toEqual([{ name: "y", shape: [4], dtype: "float32", batchAxis: 0, shared: false }]);
    expect(net.dtype).toBe("f32");
  });

  test("a file's name tells more than its graph's, wherever it lies", () => {
    const proto = readModel(golden("dynamics_two_inputs").bytes, "m");
    const nameOf = (what: string): string => importModel(proto, { what }).program.name;
    expect([nameOf("https://a.b/c/pose.onnx"), nameOf("pose.onnx"), nameOf("the model")]).toEqual([
      "pose",
      "pose",
      "main_graph",
    ]);
  });

  test("its derivatives know shapes and width, too", async () => {
    const net = await loadOnnx(golden("dynamics_two_inputs").bytes);
    const [value, [byX, byU]] = rows(valueAndJacobian(net)).bind({ n: 2 }).result as unknown as [
      NdArray,
      [NdArray, NdArray],
    ];
    expect([value.shape, byX.shape, byU.shape, byU.dtype]).toEqual([[2, 4], [2, 4, 4], [2, 4, 2], "f32"]);
    const second = rows(jacobian(jacobian(net, { wrt: 0 }), { wrt: 1 })).bind({ n: 1 }).result as NdArray;
    expect(second.shape).toEqual([1, 4, 4, 2]);
  });

  test("several outputs come by name", async () => {
    const bytes = model({
      inputs: { x: ["batch", 2] },
      outputs: ["s", "p"],
      nodes: [
        ["Exp", ["x"], ["p"]],
        ["Neg", ["x"], ["s"]],
      ],
    });
    const net = await loadOnnx(bytes);
    const alone = {
      structure: { kind: "array", items: [{ kind: "leaf", index: 0 }] },
      inputs: [{ name: "x", shape: [2], level: "row" }],
    } as const;
    const { program } = trace((x: Tensor) => net(x), alone);
    expect(program.outputs.map(({ name }) => name)).toEqual(["s", "p"]);
    const [negated, powers] = runRow(program, [0, 1]) as [number[], number[]];
    expect(negated).toEqual([-0, -1]);
    expect(powers[0]).toBe(1);
    expect(powers[1]).toBeCloseTo(Math.E, 14);
  });
});
