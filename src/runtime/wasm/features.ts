/** What this runtime's WebAssembly can do, asked by validating small modules; answers are kept. */

import { ModuleCode } from "../../codegen/wasm/encoder.ts";
import { types } from "../../codegen/wasm/opcodes.ts";

let relaxed: boolean | undefined;
let ordered: boolean | undefined;

/** A module with one 64-bit memory of one page. */
const MEMORY64_MODULE = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 4, 1];

/** True if relaxed SIMD (fused multiply-add) is on. V8 may get it by a flag set before the first call. */
export function hasRelaxedSimd(): boolean {
  relaxed ??= WebAssembly.validate(relaxedProbe());
  return relaxed;
}

/**
 * True if the engine is recent enough to keep a function's instructions in order (V8 since its compiler of 2024).
 * Asked by a feature that came later: memories with 64-bit addresses.
 */
export function keepsOrder(): boolean {
  ordered ??= WebAssembly.validate(new Uint8Array(MEMORY64_MODULE));
  return ordered;
}

/** True if memory can be shared between threads here (in browsers: a cross-origin isolated page). */
export function hasSharedMemory(): boolean {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  return typeof SharedArrayBuffer === "function" && isolated !== false;
}

function relaxedProbe(): Uint8Array<ArrayBuffer> {
  const module = new ModuleCode();
  const code = module.add([types.v128], [types.v128]);
  for (let operand = 0; operand < 3; operand++) code.get(0);
  code.simd("f32x4.relaxed_madd");
  return module.encode({ shared: false });
}
