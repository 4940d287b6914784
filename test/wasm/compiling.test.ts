/** How modules are compiled: small ones at once, others and where that is refused without blocking. */

import { afterEach, expect, test, vi } from "vitest";
import { ModuleCode } from "../../src/codegen/wasm/encoder.ts";
import { jacrow, type Row } from "../../src/index.ts";
import { compileModule } from "../../src/runtime/wasm/module.ts";

const bytes = new ModuleCode().encode({ shared: false });
/** The same module with 100 kB in a custom section. */
const large = new Uint8Array([...bytes, 0, 0xa1, 0x8d, 0x06, ...new Uint8Array(100_001)]);
const original = WebAssembly.Module;

afterEach(() => vi.unstubAllGlobals());

/** Counts what is compiled at once; `refuses` as pages do with all but tiny modules. */
function stubbed(refuses: boolean): { count: number } {
  const seen = { count: 0 };
  const Module = function (given: Uint8Array<ArrayBuffer>): WebAssembly.Module {
    seen.count++;
    if (refuses) throw new RangeError("WebAssembly.Compile is disallowed on the main thread");
    return new original(given);
  };
  const { compile, Memory, Instance } = WebAssembly;
  vi.stubGlobal("WebAssembly", { compile, Memory, Instance, Module });
  return seen;
}

test.each([
  { name: "small", given: bytes, refuses: false, atOnce: 1 },
  { name: "small, refused", given: bytes, refuses: true, atOnce: 1 },
  { name: "large", given: large, refuses: false, atOnce: 0 },
])("a module is compiled: $name", async ({ given, refuses, atOnce }) => {
  const seen = stubbed(refuses);
  expect(await compileModule(given)).toBeInstanceOf(original);
  expect(seen.count).toBe(atOnce);
});

test("what compile prepares for n rows, bind does not compile", async () => {
  const J = jacrow((x: Row<2>) => x.sin(), { device: "wasm" });
  await J.compile({ inputs: [2], n: 1 });
  const seen = stubbed(true);
  expect(() => J.bind({ n: 2, inputs: [2] })).toThrow("refused");
  expect(seen.count).toBe(1);
  const { inputs, result, run } = J.bind({ n: 1, inputs: [2] });
  inputs.data.set([0, Math.PI]);
  run();
  expect([...result.data].map(Math.round)).toEqual([1, 0, 0, -1]);
  await expect(J.compile({ n: 0.5 })).rejects.toThrow("JR440: compile needs { n }");
});

test("what is no module is our own error, whatever its size", async () => {
  await expect(compileModule(new Uint8Array([1, 2, 3]))).rejects.toThrow("JR902");
});
