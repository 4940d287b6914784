/** The encoder against wabt: every instruction has the specification's name, modules validate. */

import { expect, test } from "vitest";
import wabt from "wabt";
import { Bytes } from "../../src/codegen/wasm/bytes.ts";
import { ModuleCode } from "../../src/codegen/wasm/encoder.ts";
import { type CoreName, core, type SimdName, simd, types } from "../../src/codegen/wasm/opcodes.ts";

const features = { simd: true, relaxed_simd: true, threads: true };
const library = await wabt();

/** The text that wabt reads from a module with one function. */
function textOf(write: (code: ReturnType<ModuleCode["add"]>) => void, shared = false): string {
  const module = new ModuleCode();
  write(module.add([types.i32], []));
  const read = library.readWasm(module.encode({ shared }), { ...features, readDebugNames: false });
  return read.toText({ foldExprs: false, inlineExport: false });
}

const structured = new Set<string>(["block", "loop", "if", "else", "end"]);
const plain = (Object.keys(core) as CoreName[]).filter((name) => !structured.has(name));

test.each(plain)("%s", (name) => {
  const text = textOf((code) => {
    if (name === "i32.const") code.i32(-5);
    else if (name === "i64.const") code.i64(-5n);
    else if (name.includes("load") || name.includes("store")) code.memory(name, 8);
    else code.op(name, /local|br|call/.test(name) ? 0 : undefined);
  });
  expect(text).toMatch(new RegExp(`^ +${name.replace(".", "\\.")}( |$|\\))`, "m"));
});

test.each(Object.keys(simd) as SimdName[])("%s", (name) => {
  const lane = name.endsWith("_lane");
  const text = textOf((code) => {
    if (/load|store/.test(name)) code.simdMemory(name, 16, lane ? 1 : undefined);
    else if (name === "v128.const" || name === "i8x16.shuffle") code.simd(name, new Uint8Array(16));
    else code.simd(name, lane ? [1] : undefined);
  });
  expect(text).toMatch(new RegExp(`^ +${name.replace(".", "\\.")}( |$|\\))`, "m"));
});

test("structured code, locals and calls validate", () => {
  const module = new ModuleCode();
  const helper = module.add([types.v128], [types.v128]);
  helper.get(0);
  const code = module.add([types.i32], []);
  const [i, v] = [code.local(types.i32), code.local(types.v128)];
  code.open("loop");
  code.get(v);
  code.op("call", helper.index);
  code.set(v);
  code.get(i);
  code.i32(1);
  code.op("i32.add");
  code.tee(i);
  code.get(0);
  code.op("i32.lt_s");
  code.op("br_if", 0);
  code.op("end");
  module.export("run", code);
  for (const shared of [false, true]) {
    const bytes = module.encode({ shared });
    expect(WebAssembly.validate(bytes)).toBe(true);
  }
  library.readWasm(module.encode({ shared: false }), features).validate();
});

test.each([0, 1, 63, 64, 127, 128, 16383, 2 ** 31, 2 ** 32 - 1])("unsigned %i", (value) => {
  const bytes = new Bytes();
  bytes.unsigned(value);
  const decoded = bytes.view().reduceRight((sum, byte) => sum * 128 + (byte & 127), 0);
  expect(decoded).toBe(value);
});

test.each([0, -1, 63, 64, -64, -65, 2 ** 31 - 1, -(2 ** 31)])("signed %i", (value) => {
  expect(textOf((code) => code.i32(value))).toContain(`i32.const ${value}\n`.trimEnd());
});

test.each([0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)])("signed 64 bits %i", (value) => {
  expect(textOf((code) => code.i64(value))).toContain(`i64.const ${value}`);
});
