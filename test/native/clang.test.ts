/** Native code by clang, where gcc is the compiler that is found first: operations of every kind, against the interpreter and WebAssembly. */

import { execFileSync } from "node:child_process";
import { describe, expect, test, vi } from "vitest";

const compiler = vi.hoisted(() => {
  process.env["JACROW_CC"] = "clang";
  return "clang";
});

import { findCompiler } from "../../src/runtime/native/compiler.ts";
import {
  expectInterpreted,
  expectNarrow,
  expectSameBitsApart,
  expectWasmBits,
  narrower,
} from "./everything.ts";
import { obstacle } from "./helpers.ts";

/** Every so many of the operations: clang takes seconds for them all. */
const SHARE = 4;

const absent = ((): string | undefined => {
  try {
    execFileSync(compiler, ["--version"], { stdio: "ignore" });
    return obstacle;
  } catch {
    return "no clang here";
  }
})();

describe.skipIf(absent !== undefined)(`clang${absent === undefined ? "" : ` (${absent})`}`, () => {
  test("is the compiler", () => expect(findCompiler().version).toMatch(/^clang/));
  test("f32 agrees with the interpreter", () => expectInterpreted("f32", SHARE));
  test("f64 deterministic has WebAssembly's bits", () => expectWasmBits("f64", SHARE));
  test.each(narrower)("vectors of %i bytes agree with the interpreter", (bytes) =>
    expectNarrow(bytes, "f32"),
  );
  test("rows one after the other have the same bits", () => expectSameBitsApart("f32", SHARE));
});
