/**
 * Derivatives inside programs: nesting, products with Jacobians, kinks, traps of `where`, loops and rules of the user's own.
 *
 * Wanted numbers are worked out by hand or are PyTorch's at kinks; every mode must give them exactly.
 */

import { describe, expect, test } from "vitest";
import * as m from "../../src/index.ts";
import {
  checkJacobian,
  custom,
  hessian,
  jacobian,
  jacrow,
  jvp,
  linearize,
  type Row,
  rows,
  scan,
  type Tensor,
  vjp,
} from "../../src/index.ts";
import { expectDerivative, jacobianOf, valueOf } from "./evaluate.ts";

const modes = ["auto", "forward", "reverse"] as const;
const device = "interpreter";

interface Kink {
  readonly name: string;
  readonly f: (x: Tensor) => Tensor;
  readonly at: readonly number[];
  readonly slope: readonly number[];
}

const kinks: readonly Kink[] = [
  { name: "relu", f: (x) => m.relu(x), at: [0, Number.NaN], slope: [0, 0, 0, 1] },
  { name: "leakyRelu", f: (x) => m.leakyRelu(x, 0.2), at: [0], slope: [0.2] },
  { name: "elu", f: (x) => m.elu(x, 1.5), at: [0], slope: [1.5] },
  { name: "abs", f: (x) => m.abs(x), at: [0], slope: [0] },
  { name: "clip at its bounds", f: (x) => m.clip(x, -1, 1), at: [-1], slope: [1] },
  { name: "clip outside", f: (x) => m.clip(x, -1, 1), at: [1.5], slope: [0] },
  { name: "clip of NaN", f: (x) => m.clip(x, -1, 1), at: [Number.NaN], slope: [0] },
  { name: "maximum tie", f: (x) => m.maximum(x.at(0), x.at(1)), at: [1, 1], slope: [0.5, 0.5] },
  { name: "max ties", f: (x) => m.max(x), at: [2, 1, 2, 2], slope: [1 / 3, 0, 1 / 3, 1 / 3] },
  { name: "norm at 0", f: (x) => m.norm(x), at: [0, 0], slope: [0, 0] },
  { name: "std of equal numbers", f: (x) => m.std(x), at: [1, 1], slope: [0, 0] },
  { name: "prod with a zero", f: (x) => m.prod(x), at: [0, 2, 3], slope: [6, 0, 0] },
  { name: "where and sqrt", f: (x) => m.where(m.gt(x, 0), m.sqrt(x), 0), at: [0], slope: [0] },
  {
    name: "where and sum of sqrt",
    f: (x) => m.where(m.gt(x.at(0), 0), m.sum(m.sqrt(x)), 0),
    at: [0, 0],
    slope: [0, 0],
  },
  { name: "sigmoid at ±800", f: (x) => m.sigmoid(x), at: [-800], slope: [0] },
  { name: "softplus at 800", f: (x) => m.softplus(x), at: [800], slope: [1] },
  { name: "logSigmoid at −800", f: (x) => m.logSigmoid(x), at: [-800], slope: [1] },
  { name: "softmax at ±800", f: (x) => m.softmax(x), at: [800, -800], slope: [0, 0, 0, 0] },
  { name: "logsumexp at 800", f: (x) => m.logsumexp(x), at: [800, 800], slope: [0.5, 0.5] },
];

describe("kinks and far arguments", () => {
  test.each(kinks)("$name", ({ f, at, slope }) => {
    for (const mode of modes) expect(jacobianOf(f, at, mode), mode).toEqual(slope);
  });

  test("values stay finite at ±800", () => {
    expect(valueOf((x) => m.softplus(x), [800, -800])).toEqual([800, 0]);
    expect(valueOf((x) => m.logSoftmax(x), [800, -800])).toEqual([0, -1600]);
    expect(valueOf((x) => m.logsumexp(x), [-800, -800])[0]).toBeCloseTo(-800 + Math.LN2, 10);
    expect(valueOf((x) => m.logsumexp(x), [-Infinity, -Infinity])).toEqual([-Infinity]);
  });
});

describe("nesting", () => {
  test("softplus″(0) = 0.25, softplus‴(0) = 0", () => {
    const f = (x: Tensor): Tensor => m.softplus(x);
    expect(jacobianOf((x) => jacobian(f)(x.at(0)), [0])).toEqual([0.25]);
    expect(jacobianOf((x) => hessian(f)(x.at(0)), [0])).toEqual([0]);
  });

  test("the Hessian of a cubic", () => {
    const f = ([a, b]: Row<2>): Tensor => m.mul(a, m.square(b));
    const H = rows(hessian(f), { device }).one([2, 3]);
    expect(H.toArray()).toEqual([
      [0, 6],
      [6, 4],
    ]);
  });

  test("captured outer values are not differentiated, then are", () => {
    // g(x) = ∂/∂y [y² · s] at y = x, with s = Σx: 2 x s; its Jacobian differentiates s too.
    const g = (x: Tensor): Tensor => jacobian((y: Tensor) => m.sum(m.mul(m.square(y), m.sum(x))))(x);
    expect(valueOf(g, [1, 2])).toEqual([6, 12]);
    expect(jacobianOf(g, [1, 2])).toEqual([8, 2, 4, 10]);
    expectDerivative(g, [1, 2]);
  });

  test("jvp, vjp and linearize are products with the Jacobian", () => {
    const f = ([a, b]: Row<2>): Tensor => m.stack([m.mul(a, b), m.sin(a), m.square(b)]);
    const push = (x: Tensor): Tensor => jvp(f, x, [1, 10])[1];
    expect(valueOf(push, [2, 3])).toEqual([3 + 20, Math.cos(2), 60]);
    const pull = (x: Tensor): Tensor => vjp(f, x)[1]([1, 0, 10]);
    expect(valueOf(pull, [2, 3])).toEqual([3, 2 + 60]);
    const twice = (x: Tensor): Tensor => {
      const [value, along] = linearize(f, x);
      return m.concat([value, along([1, 0]), along([0, 1])]);
    };
    expect(valueOf(twice, [2, 3]).map((value) => value + 0)).toEqual([
      6,
      Math.sin(2),
      9,
      3,
      Math.cos(2),
      0,
      2,
      0,
      6,
    ]);
  });

  test("several arguments", () => {
    const f = (x: Tensor, u: Tensor): Tensor => m.mul(x, m.sum(u));
    const both = (x: Tensor): Tensor => {
      const [jx, ju] = jacobian(f)(x, x.mul(2));
      return m.stack([jx, ju]);
    };
    expect(valueOf(both, [1, 2])).toEqual([6, 0, 0, 6, 1, 1, 2, 2]);
  });
});

describe("loops and rules", () => {
  test("scan is its unrolled loop", () => {
    const looped = (x: Tensor): Tensor => {
      const [end, path] = scan(
        (c: Tensor, k: Tensor) => [m.sin(c.add(k).mul(x)), m.sum(c)],
        x,
        [0.1, 0.2, 0.3],
      ) as [Tensor, Tensor];
      return m.concat([end, path]);
    };
    const unrolled = (x: Tensor): Tensor => {
      const path: Tensor[] = [];
      let c = x;
      for (const k of [0.1, 0.2, 0.3]) {
        path.push(m.sum(c));
        c = m.sin(c.add(k).mul(x));
      }
      return m.concat([c, m.stack(path)]);
    };
    expect(valueOf(looped, [0.4, 0.9])).toEqual(valueOf(unrolled, [0.4, 0.9]));
  });

  test("scan refuses a carry that changes shape", () => {
    const f = (x: Tensor): Tensor => scan((c: Tensor) => [m.concat([c, c])], x, { steps: 2 })[0];
    expect(() => valueOf(f, [1])).toThrow("JR363");
  });

  test("a rule of the user's own is used, in every mode", () => {
    const cube = custom((x) => m.mul(x, m.square(x)), {
      jvp: ([x], [t]) => m.mul(m.mul(3, m.square(x!)), t!),
    });
    expectDerivative((x) => cube(x.mul(2)), [0.5, -1]);
    const clipped = custom((x) => x.clip(-1, 1), { jvp: (_, [t]) => t! });
    for (const mode of modes) expect(jacobianOf((x) => clipped(x), [3, 0], mode)).toEqual([1, 0, 0, 1]);
  });

  test("F16: a wrong rule is found and placed", () => {
    const wrong = custom((x) => m.sin(x), { jvp: ([x], [t]) => m.mul(m.sin(x!), t!) });
    const report = checkJacobian((x: Tensor) => m.stack([x.at(0).mul(2), wrong(x.at(1))]), [[0.1, 0.2]]);
    expect(report.ok).toBe(false);
    expect(report.worst[0]).toMatchObject({ row: 0, output: "y", input: "x", index: [1, 1] });
    expect(report.message).toContain("row 0, ∂y/∂x at (1, 1): Jacobian ");
  });

  test("a rule must not read values from outside", () => {
    const f = (x: Tensor): Tensor => custom((y) => m.mul(y, x), { jvp: (_, [t]) => t! })(x);
    expect(() => valueOf(f, [1])).toThrow("JR353");
    const shapes = custom((x) => m.sum(x), { jvp: (_, [t]) => t! });
    expect(() => valueOf((x) => shapes(x), [1, 2])).toThrow("JR351");
  });
});

describe("an RK4 step over a network", () => {
  const W = [
    [0.3, -0.2, 0.5],
    [0.1, 0.4, -0.6],
    [-0.7, 0.2, 0.1],
    [0.5, 0.5, 0.2],
  ];
  const V = [
    [0.2, -0.4, 0.1, 0.3],
    [0.6, 0.1, -0.5, 0.2],
  ];
  const dynamics = (x: Tensor, u: Tensor): Tensor => m.matmul(V, m.tanh(m.matmul(W, m.concat([x, u]))));
  const step = ({ x, u }: { x: Row<2>; u: Row<1> }): Tensor => {
    const h = 0.1;
    const k1 = dynamics(x, u);
    const k2 = dynamics(x.add(k1.mul(h / 2)), u);
    const k3 = dynamics(x.add(k2.mul(h / 2)), u);
    const k4 = dynamics(x.add(k3.mul(h)), u);
    return x.add(
      k1
        .add(k2.mul(2))
        .add(k3.mul(2))
        .add(k4)
        .mul(h / 6),
    );
  };

  test("has the derivatives that differences give", () => {
    const named = {
      x: [
        [0.3, -0.2],
        [1, 2],
      ],
      u: [[0.5], [-1]],
    };
    const report = checkJacobian(step, named);
    expect(report.ok, report.message).toBe(true);
    const Z = jacrow(step, { device }).sync(named);
    expect([Z.x.shape, Z.u.shape]).toEqual([
      [2, 2, 2],
      [2, 2, 1],
    ]);
  });
});

test("a rule of the user's own may use derivatives", () => {
  const f = (q: Tensor): Tensor =>
    custom((r: Tensor) => m.sin(r), { jvp: ([p], [t]) => jvp((r: Tensor) => m.sin(r), p as Tensor, t)[1] })(
      q,
    );
  const J = valueOf((q: Tensor) => jacobian(f)(q), [1, 2]);
  [Math.cos(1), 0, 0, Math.cos(2)].forEach((value, index) => expect(J[index]).toBeCloseTo(value, 14));
});

test("entries that an index of the row does not take do not leak", () => {
  const f = (x: Tensor): Tensor => m.take(m.sqrt(x), m.floor(x.at(1)));
  expect(valueOf((x: Tensor) => jacobian(f)(x), [0, 1])).toEqual([0, 0.5]);
});

test("a NaN extremum has a NaN derivative", () => {
  const J = valueOf((x: Tensor) => jacobian((y: Tensor) => m.max(y))(x), [0, Number.NaN, 1]);
  expect(J).toEqual([Number.NaN, Number.NaN, Number.NaN]);
});
