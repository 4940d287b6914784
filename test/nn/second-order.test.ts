/** Second and third derivatives of networks: the order that shares both sweeps, against other orders and differences. */

import { describe, expect, test } from "vitest";
import "../../src/node.ts";
import * as m from "../../src/index.ts";
import {
  hessian,
  jacobian,
  jacrow,
  type NdArray,
  type Row,
  rows,
  square,
  sum,
  type Tensor,
} from "../../src/index.ts";
import { differentialNetwork, hessianVectorProduct, laplacian } from "../../src/nn.ts";
import { registeredDevice } from "../../src/runtime/devices.ts";
import { distance } from "../autodiff/differences.ts";

const points = [
  [0.3, -0.7, 1.1],
  [-1.2, 0.4, 0.05],
  [2, 1, -1],
];

const network = (activation: "tanh" | "softplus" | "sine", outputs: number) => {
  const net = differentialNetwork({
    inputs: 3,
    outputs,
    width: 32,
    depth: 2,
    activation,
    seed: 4,
    dtype: "f64",
  });
  return (x: Row) => net.value(net.parameters, x);
};

describe.each(["tanh", "softplus", "sine"] as const)("%s", (activation) => {
  const f = network(activation, 2);

  test("the order for second derivatives gives what forward and reverse give, symmetric", async () => {
    const map = jacrow(jacobian(f));
    expect(map.explain({ inputs: [3] })).toContain("plan: second order");
    const found = await map(points);
    for (const mode of ["forward", "reverse"] as const)
      expect(distance(found.data, (await jacrow(jacobian(f), { mode })(points)).data)).toBeLessThan(1e-13);
    for (const row of points.keys())
      for (const output of [0, 1])
        expect(found.at(row, output, 0, 2)).toBeCloseTo(found.at(row, output, 2, 0), 13);
  });

  test("third derivatives agree with differences of the Hessian", async () => {
    const [x = []] = points;
    const h = 1e-4;
    const moved = [0, 1, 2].flatMap((k) =>
      [h, -h].map((by) => x.map((value, i) => (i === k ? value + by : value))),
    );
    const bends = await rows((z: Row) => hessian(f)(z))(moved);
    const third = await rows((z: Row) => jacobian(hessian(f))(z))([x]);
    for (let k = 0; k < 3; k++) {
      const [above, below] = [bends.row(2 * k).data, bends.row(2 * k + 1).data];
      const differences = Float64Array.from(
        above,
        (value, cell) => (value - (below[cell] as number)) / (2 * h),
      );
      expect(
        distance(
          differences.map((_, cell) => third.data[3 * cell + k] as number),
          differences,
        ),
      ).toBeLessThan(1e-6);
    }
  });
});

/** Multiplications per row that the plan of a function counts. */
function multiplications(g: (x: Row) => unknown): number {
  const text = rows(g as (x: Row) => Row).explain({ inputs: [3] });
  return Number(/per row: (\d+) multiplications/.exec(text)?.[1]);
}

test("a Hessian costs a forward and a reverse sweep, and a product of the layers' Jacobians", () => {
  const f = network("tanh", 2);
  const value = multiplications(f);
  // Three tangents forward, two outputs in reverse; per layer Jᵀ φ″ J for two outputs, and its factors.
  const products = 2 * 32 * (2 * 3 * 3 + 12);
  expect(multiplications((x) => hessian(f)(x))).toBeLessThan(value * (1 + 3 + 2) + products);
  // The trace: three tangents, and one sweep for the second order of all outputs.
  const sweeps = value * (1 + 3 + 1) + 32 * (2 * 3 * 3 + 12);
  expect(multiplications((x) => laplacian(f)(x))).toBeLessThan(sweeps);
  expect(multiplications((x) => hessian(f)(x))).toBeGreaterThan(sweeps);
});

test("products with a Hessian cost about two gradients", () => {
  const f = network("tanh", 1);
  const gradient = multiplications((x) => jacobian(f)(x));
  const v = [1, -2, 0.5];
  expect(multiplications((x) => hessianVectorProduct((z) => f(z).at(0))(x, v))).toBeLessThan(2.1 * gradient);
});

describe.each([
  ["network of two outputs", network("tanh", 2)],
  ["network of one output", (x: Row) => network("softplus", 1)(x).at(0)],
  ["energy", (x: Row) => sum(square(network("sine", 2)(x)))],
  ["product of inputs", (x: Row) => x.at(0).mul(x.at(1)).mul(x.at(1)).add(x.at(2))],
  ["outer product", (x: Row) => m.outer(x.sin(), x)],
])("Laplacian and diagonal of a Hessian: %s", (_, f) => {
  const both = (x: Row) => [laplacian(f)(x), m.diagonal(hessian(f)(x))];
  const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

  test.each(["interpreter", "wasm", "native"] as const)("%s: those of the whole Hessian", (device) => {
    if (device === "native" && registeredDevice("native")?.obstacle() !== undefined) return;
    for (const n of [0, 1, 9]) {
      const X = { data: Float64Array.from({ length: 3 * n }, (__, i) => Math.sin(7 * i + 1)), shape: [n, 3] };
      const whole = rows((x: Row) => hessian(f)(x)).sync(X);
      const [trace, diagonal] = rows(both, { device }).sync(X) as [NdArray, NdArray];
      const outputs = size(whole.shape.slice(1, -2));
      expect(diagonal.data).toHaveLength(n * outputs * 3);
      expect(trace.data).toHaveLength(n * outputs);
      const wanted = Float64Array.from(diagonal.data, (__, cell) => {
        const [matrix, k] = [Math.floor(cell / 3), cell % 3];
        return whole.data[9 * matrix + 4 * k] as number;
      });
      expect(distance(diagonal.data, wanted)).toBeLessThan(1e-12);
      const sums = Float64Array.from(trace.data, (__, row) =>
        wanted.subarray(3 * row, 3 * row + 3).reduce((a, b) => a + b, 0),
      );
      expect(distance(trace.data, sums)).toBeLessThan(1e-12);
    }
  });

  test("differences of gradients", async () => {
    const h = 1e-5;
    const [x = []] = points;
    const moved = [0, 1, 2].flatMap((k) =>
      [h, -h].map((by) => x.map((value, i) => (i === k ? value + by : value))),
    );
    const slopes = await rows((z: Row) => jacobian(f)(z))(moved);
    const found = await rows((z: Row) => laplacian(f)(z))([x]);
    const differences = Float64Array.from(found.data, (__, output) =>
      [0, 1, 2].reduce((total, k) => {
        const [above, below] = [slopes.row(2 * k).data, slopes.row(2 * k + 1).data];
        return total + ((above[3 * output + k] as number) - (below[3 * output + k] as number)) / (2 * h);
      }, 0),
    );
    expect(distance(found.data, differences)).toBeLessThan(1e-7);
  });
});

test("the Laplacian in rows that are matrices sums over all cells", () => {
  const f = (x: Tensor) => sum(square(x.sin()));
  const X = { data: Float64Array.of(0.3, -1, 2, 0.7, 0.1, 1.4), shape: [1, 2, 3] };
  const found = rows((x: Tensor) => laplacian(f)(x as Row)).sync(X);
  expect(found.data[0]).toBeCloseTo(
    X.data.reduce((total, x) => total + 2 * Math.cos(2 * x), 0),
    12,
  );
});
