/**
 * Mistakes of newcomers that JavaScript itself lets pass: each must be an error that says what to write instead.
 *
 * In: programs as a newcomer writes them. Always: the message names the place and the fix.
 */

import { describe, expect, test } from "vitest";
import {
  and,
  findKinks,
  gt,
  hessian,
  jacobian,
  jacrow,
  jvp,
  type Mask,
  not,
  type Row,
  rows,
  scan,
  smooth,
  stack,
  stopGradient,
  type Tensor,
  toFloat,
  type Value,
  where,
} from "../../src/index.ts";

const device = "interpreter";
const X = [[-1, 2]];
const run = (f: (x: Row<2>) => unknown): unknown => rows(f, { device }).sync(X);

describe("comparisons tested by JavaScript", () => {
  const wrong: Readonly<Record<string, (x: Row<2>) => unknown>> = {
    "a ternary": (x) => (x.gt(0) ? x : x.neg()),
    "a free function's outcome": (x) => (gt(x, 0) ? x : x.neg()),
    "if around a return": (x) => {
      if (x.sum().gt(0)) return x;
      return x.neg();
    },
    "&& of two": ([a, b]) => where(a.gt(0) && b.gt(0), a, b),
    "a combined mask": ([a, b]) => (and(a.gt(0), b.gt(0)) ? a : b),
    "an entry": (x) => ((x.gt(0) as Mask & Mask[])[0] ? x : x.neg()),
    "inside a differentiated function": (x) => jacobian((y: Row<2>) => (y.gt(0) ? y : y.neg()))(x),
    "an outer value inside a scan": (x) =>
      scan((carry: Tensor) => [x.gt(0) ? carry.add(1) : carry], x, { steps: 2 })[0],
  };
  test.each(Object.entries(wrong))("%s", (_, f) => {
    expect(() => run(f)).toThrow(
      /JR316: a comparison \(at mistakes\.test\.ts:\d+\) was computed and never used: if, \?:, &&/,
    );
  });

  const right: Readonly<Record<string, (x: Row<2>) => unknown>> = {
    "a mask as an output": (x) => x.gt(0),
    "a mask in a nest of outputs": (x) => ({ y: x, above: [x.gt(0), not(x.gt(1))] }),
    "behind stopGradient": (x) => x.mul(stopGradient(toFloat(x.gt(0)))),
    "in a where whose outcome is dropped": (x) => {
      where(x.gt(0), x, 0);
      return x;
    },
    "inside a scan": (x) => scan((carry: Tensor) => [where(carry.gt(0), carry, 1)], x, { steps: 2 })[0],
    "of an outer scope, read by an inner function": (x) => {
      const above = x.gt(0);
      return jacobian((y: Row<2>) => where(above, y, y.neg()))(x);
    },
    "one comparison written twice": (x) => where(x.gt(0), x, 0).add(where(x.gt(0), 1, x)),
  };
  test.each(Object.entries(right))("%s is used", (_, f) => {
    expect(() => run(f)).not.toThrow();
  });

  test("the same comparison used elsewhere does not excuse a test", () => {
    const f = (x: Row<2>): Value => (x.gt(0) ? where(x.gt(0), x, 0) : x);
    expect(() => jacrow(f, { device }).sync(X)).toThrow("JR316");
  });
});

describe("misspelt names", () => {
  const f = ({ x, u }: { x: Row<2>; u: Value }): Value => x.mul(u);
  const calls = (g: (inputs: never) => unknown, given: object): unknown =>
    jacrow(g as (inputs: { x: Row<2> }) => Value, { device }).sync(given as { x: number[][] });

  test("a name that was not given", () => {
    expect(() => calls(f, { x: X, U: [3] })).toThrow(
      "JR317: f reads input u, which was not given; given: x, U",
    );
    const g = (inputs: { X: Row<2> }): Value => inputs.X.sin();
    expect(() => calls(g, { x: X })).toThrow("JR317: g reads input X, which was not given; given: x");
  });

  test("a default does not hide it", () => {
    const g = ({ x, u = 1 }: { x: Row<2>; u?: number }): Value => x.mul(u);
    expect(() => calls(g, { x: X })).toThrow("JR317: g reads input u");
  });

  test("a name that is never read", () => {
    expect(() => calls(f, { x: X, u: [3], z: [1] })).toThrow("JR318: f has no input z; it reads x, u");
    const J = jacrow(({ x }: { x: Row<2>; z: Value }) => x.sin(), { device, allowZero: true });
    expect(Object.keys(J.sync({ x: X, z: [1] }))).toEqual(["x", "z"]);
  });

  test("a second argument's names", () => {
    const g = (x: Row<2>, p: { a: Value }): Value => x.mul(p.a);
    const J = jacrow(g as (x: Row<2>, p: never) => Value, { device });
    expect(() => J.sync(X, { A: [1] } as never)).toThrow(
      "JR317: g reads input a, which was not given; given: A",
    );
  });

  test("rest, in, Object.keys and handing the object on count as reading", () => {
    const g = ({ x, ...rest }: { x: Row<2>; u: Value }): Value => x.mul(rest.u);
    const h = (inputs: { x: Row<2>; u: Value }): Value =>
      "v" in inputs ? inputs.x : Object.values(inputs).reduce((a, b) => a.mul(b));
    const outer = (inputs: { x: Row<2>; u: Value }): unknown => jacobian(f)(inputs);
    for (const one of [g, h]) expect(() => calls(one, { x: X, u: [3] })).not.toThrow();
    expect(() => rows(outer, { device }).sync({ x: X, u: [3] })).not.toThrow();
  });
});

describe("one row where rows are meant, and the reverse", () => {
  const flat = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
  const wrong: Readonly<Record<string, (q: Tensor) => unknown>> = {
    at: (q) => q.at(0).sin(),
    index: (q) => (q as unknown as Value[])[0]?.sin(),
    "a reduction over an axis": (q) => q.sum({ axis: 0 }),
    slice: (q) => q.slice(0, 2),
    dot: (q) => q.dot(q),
    "array methods": (q) => stack((q as unknown as Value[]).map((one) => one.sin())),
    "taking apart": (q) => {
      const [a, b] = q as unknown as readonly [Value, Value];
      return a.add(b);
    },
    "inside a derivative": (q) => jacobian((p: Value) => p.at(0).sin())(q),
  };
  test.each(Object.entries(wrong))("a flat row: %s", (_, f) => {
    expect(() => rows(f, { device }).sync(flat)).toThrow(
      /^JR3.*; X is 7 rows of one number each; for one row write \[x\] or J\.one\(x\)$/,
    );
  });

  test("scalar rows stay what they are", () => {
    const J = jacrow((x: Value) => x.sum().sin(), { device });
    expect(J.sync([0, 0]).toArray()).toEqual([1, 1]);
    expect(() => rows((x) => (x.gt(0) as unknown as Value) && x, { device }).sync(flat)).toThrow(
      /never used: [^;]*; write where\([^;]*$/,
    );
  });

  test("of several inputs only the one that the error is about", () => {
    const f = (index: number, key: "x" | "u") =>
      rows((inputs: { x: Value; u: Value }) => inputs[key].at(index).add(inputs.x.mul(inputs.u)), { device });
    const given = { x: [1, 2], u: [[1], [2]] };
    expect(() => f(3, "u").sync(given)).toThrow(/JR322: index 3 is outside axis 0 of shape \(1,\)[^;]*$/);
    expect(() => f(0, "x").sync(given)).toThrow("; X is 2 rows of one number each");
  });

  test("rows given to one", () => {
    expect(() => rows((x: Value) => x.at(0), { device }).one(3)).toThrow(
      "; one takes one row, and X was given as one number",
    );
    const J = jacrow((x: Value) => x.at(0).mul(x.at(1)), { device });
    expect(() => J.one([[1, 2]])).toThrow(
      /JR322: index 1 is outside .*; one takes one row, and X was given as 1 × 2: for rows write J\.sync\(X\)/,
    );
    const apart = jacrow(([a, b]: Row<2>) => b.mul(a), { device });
    expect(() => apart.one([[1, 2]])).toThrow(/JR319: the function failed: .*'mul'.*; one takes one row/);
    expect([...J.one([3, 4]).data]).toEqual([4, 3]);
  });
});

describe("options left out", () => {
  test("smooth and findKinks name what they need", async () => {
    const bare = smooth as (f: unknown) => unknown;
    expect(() => bare((x: Value) => x.relu())).toThrow(
      "smooth needs { beta }, the sharpness, for example { beta: 20 }",
    );
    const kinks = findKinks as (f: unknown, rows: unknown) => Promise<unknown>;
    await expect(kinks((x: Value) => x.relu(), X)).rejects.toThrow("JR447: findKinks needs { epsilon }");
  });
});

describe("derivatives in the wrong place", () => {
  const net = (x: Row<2>): Value => x.sin();
  const inside: Readonly<Record<string, (q: Row<2>) => unknown>> = {
    "the call": (q) => jacrow(net)(q as never),
    sync: (q) => jacrow(net).sync(q as never),
    one: (q) => jacrow(net).one(q as never),
    "in an array": ([a, b]) => jacrow(net).sync([[a, b]] as never),
  };
  test.each(Object.entries(inside))("jacrow of a traced value: %s", (_, f) => {
    expect(() => run(f)).toThrow(
      "JR456: jacrow(net) was given a traced value: inside a function use jacobian(net)(q); jacrow runs over rows",
    );
  });

  test("rows of a traced value", () => {
    expect(() => run((q) => rows(jacobian(net)).sync(q as never))).toThrow(
      "use jacobian(net)(q); rows runs over rows",
    );
  });

  test("derivatives outside of a trace say how to run them", () => {
    const call = (f: (x: never) => unknown) => () => f([0.1, 0.2] as never);
    expect(call(hessian(net))).toThrow(
      /JR302: hessian\(net\) works on traced.*; run it with rows\(hessian\(net\)\)\(X\)$/,
    );
    expect(call(jacobian(net))).toThrow("run it with rows(jacobian(net))(X)");
    expect(call((x) => jvp(net, x, x))).toThrow("JR302: jvp(net) works");
  });
});
