/** Long loops through the public functions: higher orders, gradients of shared weights, Jacobians inside and outside, traps. */

import { describe, expect, test } from "vitest";
import * as m from "../../src/index.ts";
import { checkJacobian, hessian, jacobian, jacrow, rows, scan, type Tensor } from "../../src/index.ts";
import { grad, type Parameter } from "../../src/nn.ts";
import { expectClose } from "../lower/check.ts";

const STEPS = 150;
const modes = ["forward", "reverse", "auto"] as const;

/** Pendulum by Runge and Kutta: x = (angle, speed, length, gravity). */
function pendulum(x: Tensor): Tensor {
  const [length, gravity] = [x.at(2), x.at(3)];
  const slope = (s: Tensor): Tensor => m.stack([s.at(1), m.sin(s.at(0)).mul(gravity).div(length).neg()]);
  const step = (s: Tensor): [Tensor] => {
    const k1 = slope(s);
    const k2 = slope(s.add(k1.mul(0.005)));
    const k3 = slope(s.add(k2.mul(0.005)));
    const k4 = slope(s.add(k3.mul(0.01)));
    return [
      s.add(
        k1
          .add(k2.mul(2))
          .add(k3.mul(2))
          .add(k4)
          .mul(0.01 / 6),
      ),
    ];
  };
  return scan(step, m.stack([x.at(0), x.at(1)]), { steps: STEPS })[0];
}

const ROWS = [
  [0.5, 0.1, 1, 9.8],
  [-0.3, 0.4, 1.2, 9.7],
  [0.01, 0, 0.9, 9.9],
];

function numbers(f: (x: Tensor) => Tensor, row: readonly number[], mode: (typeof modes)[number]): number[] {
  return Array.from(jacrow(f, { mode, dtype: "f64", allowZero: true }).one(row).data, (z) => z + 0);
}

describe("an integrator of 400 steps", () => {
  test.each(modes)("%s mode agrees with differences", (mode) => {
    const report = checkJacobian(pendulum, ROWS, { mode, tolerance: 1e-6 });
    expect(report.ok, report.message).toBe(true);
  });

  test.each(["forward", "reverse"] as const)(
    "%s mode gives the interpreter's numbers for any number of rows",
    (mode) => {
      const wanted = jacrow(pendulum, { device: "interpreter", mode: "forward", dtype: "f64" });
      const run = jacrow(pendulum, { mode, dtype: "f64" });
      for (const n of [1, 2, 3]) {
        const batch = ROWS.slice(0, n);
        const [got, expected] = [run.sync(batch).data, wanted.sync(batch).data];
        expectClose(got, expected, { name: `${mode} ${n}`, tolerance: 1e-10 });
      }
    },
  );

  test("second derivatives are differences of first ones", () => {
    const angle = (x: Tensor): Tensor => pendulum(x).at(0);
    const second = rows((x: Tensor) => hessian(angle)(x), { dtype: "f64" }).one(ROWS[0] as number[]).data;
    const report = checkJacobian((x: Tensor) => jacobian(angle)(x), [ROWS[0] as number[]], {
      tolerance: 1e-5,
    });
    expect(report.ok, report.message).toBe(true);
    for (let i = 0; i < 4; i++)
      for (let j = 0; j < 4; j++) expect(second[4 * i + j]).toBeCloseTo(second[4 * j + i] as number, 9);
  });
});

test("Jacobians inside of long loops", () => {
  const field = (s: Tensor): Tensor => m.sin(s).mul(m.flip(s));
  const newton = (x: Tensor): Tensor =>
    scan((s: Tensor) => [s.sub(m.matmul(jacobian(field)(s), s).mul(0.01))], x, { steps: 240 })[0];
  for (const mode of modes) {
    const report = checkJacobian(newton, [[0.3, 0.8]], { mode, tolerance: 1e-6 });
    expect(report.ok, `${mode} ${report.message}`).toBe(true);
  }
});

/** √ where that is defined, else 0: its derivative at 0 is 0. */
const guardedRoot = (c: Tensor): Tensor => m.where(m.gt(c, 0), m.sqrt(c), 0);

test.each([
  {
    name: "guards in every step",
    f: (x: Tensor) => scan((c: Tensor) => [guardedRoot(c)], x, { steps: 240 })[0],
    at: [0, 1],
    z: [0, 0, 0, 0.5 ** 240],
  },
  {
    name: "a loop in a branch not taken",
    f: (x: Tensor) =>
      m.where(m.gt(x, 0), scan((c: Tensor) => [m.sqrt(c).mul(0.5).add(c.mul(0.5))], x, { steps: 240 })[0], 0),
    at: [0, 1],
    z: [0, 0, 0, 0.75 ** 240],
  },
  {
    name: "a branch not taken before a loop",
    f: (x: Tensor) => scan((c: Tensor) => [m.sqrt(c)], guardedRoot(x), { steps: 240 })[0],
    at: [0, 1],
    z: [0, 0, 0, 0.5 ** 241],
  },
  {
    name: "a branch not taken before a loop, a pole after it",
    f: (x: Tensor) => m.sqrt(scan((c: Tensor) => [c.mul(0.999)], guardedRoot(x), { steps: 1200 })[0]),
    at: [0, 1],
    z: [0, 0, 0, 0.25 * 0.999 ** 600],
  },
  {
    name: "more outputs than the loop has results, a pole after it",
    f: (x: Tensor) => {
      const [end] = scan((c: Tensor) => [c.mul(0.999)], guardedRoot(x), { steps: 1200 });
      return m.sqrt(m.concat([end, m.square(x).add(1)]));
    },
    at: [0, 1],
    z: [0, 0, 0, 0.25 * 0.999 ** 600, 0, 0, 0, Math.SQRT1_2],
  },
  {
    name: "a pole before a loop in a branch not taken",
    f: (x: Tensor) =>
      m.where(m.gt(x, 0), scan((c: Tensor) => [c.mul(0.999)], m.sqrt(x), { steps: 1200 })[0], 0),
    at: [0, 1],
    z: [0, 0, 0, 0.5 * 0.999 ** 1200],
  },
  {
    name: "a branch not taken, and a pole after loops within loops",
    f: (x: Tensor) => {
      const inner = (c: Tensor): Tensor => scan((each: Tensor) => [each.mul(0.999)], c, { steps: 40 })[0];
      return m.sqrt(scan((c: Tensor) => [m.where(m.gt(x, 0), inner(c), 0)], x, { steps: 40 })[0]);
    },
    at: [0, 1],
    z: [0, 0, 0, 0.5 * 0.999 ** 800],
  },
  {
    name: "one branch after the other, a pole at the end",
    f: (x: Tensor) =>
      m.sqrt(scan((c: Tensor) => [m.where(m.gt(x, 0), c, c.mul(0.9))], guardedRoot(x), { steps: 3 })[0]),
    at: [0, 1],
    z: [0, 0, 0, 0.25],
  },
])("$name", ({ f, at, z }) => {
  for (const mode of modes) {
    const got = numbers(f, at, mode);
    got.forEach((value, index) => {
      expect(Math.abs(value - (z[index] as number)), `${mode} entry ${index}: ${value}`).toBeLessThanOrEqual(
        1e-12 * (z[index] as number),
      );
    });
  }
});

test("gradients of weights shared by all rows and steps", () => {
  type Weights = { w: Parameter; b: Parameter };
  const loss = ({ w, b }: { w: Tensor; b: Tensor }, { x }: { x: Tensor }): Tensor => {
    const cell = (h: Tensor, entry: Tensor): [Tensor, Tensor] => {
      const next = m.tanh(m.matmul(w, h).add(b).add(entry));
      return [next, m.sum(m.square(next))];
    };
    const [h, ys] = scan(cell, m.mul(b, 0), x) as [Tensor, Tensor];
    return m.sum(h).add(m.mean(ys));
  };
  const weights = (w: readonly number[], b: readonly number[]): Weights => ({
    w: { data: Float64Array.from(w), shape: [2, 2] },
    b: { data: Float64Array.from(b), shape: [2] },
  });
  const x = new m.NdArray(
    Float64Array.from({ length: 3 * 120 * 2 }, (_, i) => Math.sin(i * 0.7)),
    [3, 120, 2],
  );
  const run = grad<Weights, { x: Tensor }>(loss as never, { dtype: "f64", reduction: "sum" });
  const start = [0.3, -0.2, 0.5, 0.1, 0.1, -0.1];
  const lossAt = (all: readonly number[]): number =>
    run.sync(weights(all.slice(0, 4), all.slice(4)), { x }).loss;
  const { gradient } = run.sync(weights(start.slice(0, 4), start.slice(4)), { x });
  [...gradient.w.data, ...gradient.b.data].forEach((slope, cell) => {
    const moved = (by: number): number =>
      lossAt(start.map((value, index) => (index === cell ? value + by : value)));
    const difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
    expect(Math.abs(slope - difference), `weight ${cell}`).toBeLessThan(1e-6 * Math.max(1, Math.abs(slope)));
  });
});

test("a long loop that no row reaches is a number of the formula", () => {
  const f = (x: Tensor): Tensor => {
    const [end] = scan((c: Tensor) => [c.mul(0.5).add(1)], [0, 4], { steps: 600 }) as [Tensor, undefined];
    return m.sin(x).mul(end);
  };
  expect(numbers(f, [0, 0], "auto")).toEqual([2, 0, 0, 2]);
});
