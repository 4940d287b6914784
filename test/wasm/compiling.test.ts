/** How modules are compiled: small ones at once, others and where that is refused without blocking. */

import { afterEach, expect, test, vi } from "vitest";
import { ModuleCode } from "../../src/codegen/wasm/encoder.ts";
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
  vi.stubGlobal("WebAssembly", { compile: WebAssembly.compile, Module });
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

test("what is no module is our own error, whatever its size", async () => {
  await expect(compileModule(new Uint8Array([1, 2, 3]))).rejects.toThrow("JR902");
});
