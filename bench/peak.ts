/**
 * The best arithmetic rate of 128-bit WebAssembly in this runtime: independent multiply-adds in registers, no memory.
 *
 * Out: GFLOP/s of one thread, fused (relaxed SIMD) or mul + add.
 */

import { ModuleCode } from "../src/codegen/wasm/encoder.ts";
import { types } from "../src/codegen/wasm/opcodes.ts";
import { hasRelaxedSimd } from "../src/runtime/wasm/features.ts";

const CHAINS = 12;
const REPEAT = 4;

/** GFLOP/s of the machine's best loop; the best of several short runs. */
export function peakRate(dtype: "f32" | "f64", fused: boolean = hasRelaxedSimd()): number {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const module = new WebAssembly.Module(peakModule(dtype, fused));
  const run = new WebAssembly.Instance(module, { host: { memory } }).exports["run"] as (
    count: number,
  ) => void;
  const flops = CHAINS * REPEAT * 2 * (dtype === "f32" ? 4 : 2);
  let best = 0;
  for (let trial = 0; trial < 60; trial++) {
    const start = performance.now();
    run(20000);
    best = Math.max(best, (flops * 20000) / (performance.now() - start) / 1e6);
  }
  return best;
}

function peakModule(dtype: "f32" | "f64", fused: boolean): Uint8Array<ArrayBuffer> {
  const shape = dtype === "f32" ? "f32x4" : "f64x2";
  const module = new ModuleCode();
  const code = module.add([types.i32]);
  const [factor, ...chains] = Array.from({ length: CHAINS + 1 }, () => code.local(types.v128)) as [
    number,
    ...number[],
  ];
  code.open("loop");
  for (let repeat = 0; repeat < REPEAT; repeat++) {
    for (const chain of chains) {
      code.get(chain);
      code.get(factor);
      if (!fused) code.simd(`${shape}.mul`);
      code.get(factor);
      code.simd(fused ? `${shape}.relaxed_madd` : `${shape}.add`);
      code.set(chain);
    }
  }
  code.get(0);
  code.i32(1);
  code.op("i32.sub");
  code.tee(0);
  code.op("br_if", 0);
  code.op("end");
  for (const chain of chains) {
    code.i32(0);
    code.get(chain);
    code.simdMemory("v128.store", 0);
  }
  module.export("run", code);
  return module.encode({ shared: false });
}
