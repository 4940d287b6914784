/**
 * The best arithmetic rate of native code on this machine: independent fused multiply-adds in registers, no memory.
 *
 * Out: GFLOP/s of one thread, at the width that native kernels use; undefined without a compiler or koffi.
 */

import { registeredDevice } from "../src/runtime/devices.ts";
import { buildLibrarySync } from "../src/runtime/native/build.ts";
import { type Compiler, findCompiler } from "../src/runtime/native/compiler.ts";
import { addressOf, loadLibrary } from "../src/runtime/native/library.ts";
import { provideNative } from "../src/runtime/native/register.ts";

provideNative();

const CHAINS = 12;
const REPEAT = 4;

/** GFLOP/s of the machine's best loop; the best of several short runs. */
export function nativePeakRate(dtype: "f32" | "f64"): number | undefined {
  if (registeredDevice("native")?.obstacle() !== undefined) return undefined;
  const compiler = findCompiler();
  const { run } = loadLibrary(buildLibrarySync(peakSource(dtype, compiler), compiler));
  const count = new BigInt64Array(new ArrayBuffer(8));
  const address = addressOf(count.buffer);
  const flops = 2 * CHAINS * REPEAT * (compiler.vectorBytes / (dtype === "f32" ? 4 : 8));
  let best = 0;
  for (let trial = 0; trial < 60; trial++) {
    count[0] = 20000n;
    const start = performance.now();
    run(address);
    best = Math.max(best, (flops * 20000) / (performance.now() - start) / 1e6);
  }
  return best;
}

/** GB/s at which one thread reads so many bytes again and again, by vectors; undefined without a compiler or koffi. */
export function nativeReadRate(bytes: number): number | undefined {
  if (registeredDevice("native")?.obstacle() !== undefined) return undefined;
  const compiler = findCompiler();
  const { run } = loadLibrary(buildLibrarySync(readSource(compiler), compiler));
  const memory = new ArrayBuffer(bytes + 64);
  const start = (addressOf(memory) + 63n) & -64n;
  const job = BigInt64Array.of(start, BigInt(Math.floor(bytes / compiler.vectorBytes / 8)));
  const address = addressOf(job.buffer);
  let best = 0;
  for (let trial = 0; trial < 60; trial++) {
    const begin = performance.now();
    run(address);
    best = Math.max(best, bytes / (performance.now() - begin) / 1e6);
  }
  return best;
}

function readSource({ vectorBytes }: Compiler): string {
  return `#include <stdint.h>
#define EXPORT __attribute__((visibility("default")))
typedef float vf __attribute__((vector_size(${vectorBytes})));
EXPORT void jr_share(int64_t *job) { (void)job; }
EXPORT void jr_help(int64_t *job) { (void)job; }
EXPORT void jr_run(int64_t *job) {
  const vf *p = (const vf *)(uintptr_t)job[0];
  vf a[8] = {{0}};
  for (int64_t i = 0; i < job[1]; i++, p += 8)
    for (int k = 0; k < 8; k++) a[k] += p[k];
  volatile vf sum = a[0] + a[1] + a[2] + a[3] + a[4] + a[5] + a[6] + a[7];
  (void)sum;
}
`;
}

/** The compiler may fuse here; an empty assembly statement keeps each chain in a register of its own. */
function peakSource(dtype: "f32" | "f64", { vectorBytes }: Compiler): string {
  const type = dtype === "f32" ? "float" : "double";
  const chains = Array.from({ length: CHAINS }, (_, chain) => `a${chain}`);
  const operand = (chain: string): string =>
    `__asm__ volatile("" : "+${vectorBytes === 16 ? "x" : "v"}"(${chain}));`;
  const steps = chains.map((chain) => `${chain} = FUSED(${chain}, c, c);`).join(" ");
  return `#include <stdint.h>
#define EXPORT __attribute__((visibility("default")))
typedef ${type} vf __attribute__((vector_size(${vectorBytes})));
${fusedText(dtype, vectorBytes)}
EXPORT void jr_share(int64_t *job) { (void)job; }
EXPORT void jr_help(int64_t *job) { (void)job; }
EXPORT void jr_run(int64_t *job) {
  vf c = {(${type})0.5};
  vf ${chains.map((chain) => `${chain} = c`).join(", ")};
  for (int64_t i = 0; i < job[0]; i++) {
${Array.from({ length: REPEAT }, () => `    ${steps}\n    ${chains.map(operand).join(" ")}`).join("\n")}
  }
  volatile vf sum = ${chains.join(" + ")};
  (void)sum;
}
`;
}

function fusedText(dtype: "f32" | "f64", vectorBytes: number): string {
  const p = dtype === "f32" ? "ps" : "pd";
  const call =
    vectorBytes === 64
      ? `__builtin_ia32_vfmadd${p}512_mask(a, b, c, -1, 4)`
      : `__builtin_ia32_vfmadd${p}${vectorBytes === 32 ? "256" : ""}(a, b, c)`;
  return `#if defined(__FMA__) && !defined(__clang__)
#define FUSED(a, b, c) ${call}
#elif defined(__clang__)
#define FUSED(a, b, c) __builtin_elementwise_fma(a, b, c)
#else
#define FUSED(a, b, c) ((a) * (b) + (c))
#endif`;
}
