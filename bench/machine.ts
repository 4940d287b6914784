/** What this machine can do: the best rates of 128-bit WebAssembly in this runtime and of native code, and memory bandwidth, per thread. */

import { cpus } from "node:os";
import { hasRelaxedSimd } from "../src/runtime/wasm/features.ts";
import { nativePeakRate, nativeReadRate } from "./native-peak.ts";
import { peakRate } from "./peak.ts";

/** Rates measured at the start of a run. */
export interface Machine {
  readonly description: string;
  /** GFLOP/s of one thread. */
  peak(device: string, dtype: "f32" | "f64"): number;
  /** GB/s read by one thread from memory. */
  readonly bandwidth: number;
  /** GB/s read by one thread from 4 MB that caches hold; by native code, where there is any. */
  readonly cacheBandwidth: number;
}

/** Measures the machine. */
export function measureMachine(): Machine {
  const peaks = { f32: peakRate("f32"), f64: peakRate("f64") };
  const native = { f32: nativePeakRate("f32"), f64: nativePeakRate("f64") };
  const bandwidth = measureBandwidth();
  const cacheBandwidth = nativeReadRate(4e6) ?? bandwidth;
  const compiled =
    native.f32 === undefined
      ? ""
      : `; native peak ${native.f32.toFixed(1)} f32, ${native.f64?.toFixed(1)} f64`;
  const fused = hasRelaxedSimd() ? "relaxed FMA" : "mul + add";
  const description = `Node ${process.versions.node} (${fused}), ${cpus().length} × ${cpus()[0]?.model.trim()}; 128-bit peak ${peaks.f32.toFixed(1)} GFLOP/s f32, ${peaks.f64.toFixed(1)} f64${compiled}; memory ${bandwidth.toFixed(1)} GB/s, 4 MB in caches ${cacheBandwidth.toFixed(1)}`;
  return {
    description,
    bandwidth,
    cacheBandwidth,
    peak: (device, dtype) => (device === "native" ? native[dtype] : undefined) ?? peaks[dtype],
  };
}

/** Copies 64 MB, larger than caches; counts bytes read and written. */
function measureBandwidth(): number {
  const [from, to] = [new Uint8Array(2 ** 26).fill(1), new Uint8Array(2 ** 26)];
  let best = 0;
  for (let trial = 0; trial < 8; trial++) {
    const start = performance.now();
    to.set(from);
    best = Math.max(best, (2 * from.length) / (performance.now() - start) / 1e6);
  }
  return best;
}
