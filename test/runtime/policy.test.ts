/** A page whose security policy forbids WebAssembly gets an error that names the directive. */

import { afterEach, expect, test, vi } from "vitest";
import { InternalError, UsageError } from "../../src/errors.ts";
import { Builder } from "../../src/ir/builder.ts";
import { compileKernel, compileKernelSync } from "../../src/runtime/kernel.ts";
import { onlyOn } from "../devices/here.ts";
import { programOf } from "./helpers.ts";

afterEach(() => vi.unstubAllGlobals());

function program(): ReturnType<typeof programOf> {
  const b = new Builder();
  const x = b.input("x", [2]);
  return programOf("f", [x], [b.neg(x)]);
}

/** What Chromium, Firefox and Node without code generation say. */
const refusals = [
  "Refused to compile or instantiate WebAssembly module because 'wasm-unsafe-eval' is not an allowed source",
  "call to WebAssembly.Module() blocked by CSP",
  "WebAssembly.Module(): Wasm code generation disallowed by embedder",
];

function forbid(message: string): void {
  const refuse = (): never => {
    throw new WebAssembly.CompileError(message);
  };
  const { validate, Memory, Instance, CompileError } = WebAssembly;
  const Module = function Module(): void {
    refuse();
  };
  vi.stubGlobal("WebAssembly", {
    validate,
    Memory,
    Instance,
    CompileError,
    Module,
    compile: async () => refuse(),
  });
}

test.for(refusals)("%s", async (message, context) => {
  onlyOn(context, "wasm");
  forbid(message);
  const options = { device: "wasm", dtype: "f32" } as const;
  expect(() => compileKernelSync(program(), options)).toThrow(UsageError);
  await expect(compileKernel(program(), options)).rejects.toThrow(/add 'wasm-unsafe-eval'/);
});

test("any other refusal is our bug", (context) => {
  onlyOn(context, "wasm");
  forbid("invalid opcode");
  expect(() => compileKernelSync(program(), { device: "wasm", dtype: "f32" })).toThrow(InternalError);
});

test("the interpreter needs no WebAssembly", (context) => {
  onlyOn(context, "interpreter");
  forbid("blocked by CSP");
  const kernel = compileKernelSync(program(), { device: "interpreter", dtype: "f64" });
  expect(kernel.runSync([Float64Array.of(1, 2)], 1)).toEqual([Float64Array.of(-1, -2)]);
});
