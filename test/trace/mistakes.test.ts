/**
 * Mistakes of newcomers that JavaScript itself lets pass: each must be an error that says what to write instead.
 *
 * In: programs as a newcomer writes them. Always: the message names the place and the fix.
 */

import { describe, expect, test } from "vitest";
import {
  and,
  gt,
  jacobian,
  jacrow,
  type Mask,
  not,
  type Row,
  rows,
  scan,
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
