/** Second and third derivatives of networks: the order that shares both sweeps, against other orders and differences. */

import { describe, expect, test } from "vitest";
import { hessian, jacobian, jacrow, type Row, rows, square, sum } from "../../src/index.ts";
import { differentialNetwork, laplacian } from "../../src/nn.ts";
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
  const energy = (x: Row) => sum(square(f(x)));
  expect(multiplications((x) => laplacian(energy)(x))).toBeLessThanOrEqual(
    multiplications((x) => hessian(energy)(x)),
  );
});
