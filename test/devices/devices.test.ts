/**
 * Programs of every kind on the interpreter, WebAssembly and native code: the same numbers, and the same bits where they are promised.
 *
 * JACROW_TEST_SEEDS=20 tries twenty programs of each kind instead of one, JACROW_TEST_SEED=100 begins at others.
 */

import { describe, test } from "vitest";
import { range } from "../../src/ir/shape.ts";
import { describeNative } from "../native/helpers.ts";
import { expectOneAnswer, expectThreadless } from "./compare.ts";
import { type Case, caseOf, kinds } from "./kinds.ts";

const SEEDS = Number(process.env["JACROW_TEST_SEEDS"] ?? 1);
const FIRST = Number(process.env["JACROW_TEST_SEED"] ?? 1);
/** Milliseconds for a compiler on a busy machine. */
const COMPILING = 120_000;
const names = Object.keys(kinds);
const widths = ["f32", "f64"] as const;

const made = new Map<string, Case>();

/** The cases of some kinds for some seeds. */
function casesOf(some: readonly string[], first: number, count: number): Case[] {
  return some.flatMap((kind) =>
    range(count).map((index) => {
      const seed = first + index;
      const one = made.get(`${kind} ${seed}`) ?? caseOf(kind, seed);
      made.set(one.name, one);
      return one;
    }),
  );
}

describe.each(widths)("WebAssembly and the interpreter, %s", (dtype) => {
  test.each(names)("%s", (kind) => {
    for (const one of casesOf([kind], FIRST + 1, SEEDS)) expectOneAnswer([one], { dtype, native: false });
  });
});

/** Seeds of all kinds together, for one compilation serves all; networks apart, for they have code of their own for few rows. */
describeNative("native code, WebAssembly and the interpreter", () => {
  const others = names.filter((kind) => kind !== "networks");
  describe.each(widths)("%s", (dtype) => {
    test.each(range(SEEDS).map((index) => FIRST + index))(
      "every kind, seed %i",
      (seed) => expectOneAnswer(casesOf(others, seed, 1), { dtype, native: true }),
      COMPILING,
    );
    test(
      "networks",
      () => expectOneAnswer(casesOf(["networks"], FIRST, SEEDS), { dtype, native: true }),
      COMPILING,
    );
  });
});

describe("threads", () => {
  test.each(widths)("WebAssembly, %s", (dtype) => expectThreadless(casesOf(names, FIRST, 1), "wasm", dtype));
});

describeNative("threads", () => {
  const others = names.filter((kind) => kind !== "networks");
  test.each(widths)("native code, %s", (dtype) =>
    expectThreadless(casesOf(others, FIRST, 1), "native", dtype),
  );
});
