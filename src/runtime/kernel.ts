/**
 * Kernels: a program compiled for one device, run on any number of rows.
 *
 * In: a program and options. Out: a `Kernel` whose `run` takes the program's inputs (rows n × size, shared ones size)
 * and gives its outputs (n × size; those known after all rows size). Results never depend on n, a row's place, or the number of threads.
 */

import type { Program } from "../ir/types.ts";
import type { Dtype } from "../lower/lanes.ts";
import { registeredDevice, requiredDevice } from "./devices.ts";
import { InterpreterKernel } from "./interpreter-kernel.ts";
import { prepared } from "./prepare.ts";
import type { FloatArray } from "./wasm/instance.ts";
import { compileModule, compileModuleSync } from "./wasm/module.ts";
import { wasmPlan } from "./wasm/plan.ts";
import { WasmRunner } from "./wasm/runner.ts";

export type { FloatArray } from "./wasm/instance.ts";

/** Where code runs. "native" is there once `jacrow/node` is imported. */
export type DeviceName = "wasm" | "native" | "interpreter";

/** How to compile. */
export interface KernelOptions {
  /** "auto": WebAssembly, then native code once calls add up to what repays compiling it. */
  readonly device: DeviceName | "auto";
  readonly dtype: Dtype;
  /** Threads for `run`, the calling one included; default 1. */
  readonly threads?: number;
  /** The same bits on every machine: no fused multiply-add. */
  readonly deterministic?: boolean;
  /** Use relaxed SIMD; default: if the runtime has it. */
  readonly relaxed?: boolean;
}

/** What a kernel is made of. */
export interface KernelInfo {
  readonly device: DeviceName;
  readonly dtype: Dtype;
  /** Threads that `run` uses. */
  readonly threads: number;
  /** Why there are fewer threads than asked for, why "auto" keeps to WebAssembly. */
  readonly notes?: readonly string[];
  readonly fused: boolean;
  readonly moduleBytes: number;
  readonly tileRows: number;
  /** Scratch of one tile, for each thread. */
  readonly scratchBytes: number;
  readonly memoryBytes: number;
}

/** Views that stay in place between calls. */
export interface BoundRun {
  readonly inputs: readonly FloatArray[];
  readonly outputs: readonly FloatArray[];
  /** Reads `inputs`, writes `outputs`, allocates nothing. */
  run(): void;
  /** Takes new numbers of the shared inputs, in program order; later runs use them. The arrays must stay in place. */
  rebind(shared: readonly FloatArray[]): void;
}

/** A compiled program. */
export interface Kernel {
  readonly program: Program;
  readonly info: KernelInfo;
  /** Are so many rows computed before `run` returns? Then nothing is gained by `run`. */
  runsAtOnce(n: number): boolean;
  /** Runs n rows; `outs` receives the results if given. */
  run(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): Promise<FloatArray[]>;
  /** The same on the calling thread. */
  runSync(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): FloatArray[];
  /** Compiles, without blocking, what `bindFixed(n)` would compile on the calling thread. */
  prepare(n: number): Promise<void>;
  /** Preallocates n rows; `shared` holds the shared inputs in program order. */
  bindFixed(n: number, shared: readonly FloatArray[]): BoundRun;
  /** Frees memory; later calls throw. */
  dispose(): void;
}

/** Compiles without blocking. */
export async function compileKernel(program: Program, options: KernelOptions): Promise<Kernel> {
  const ready = prepared(program);
  if (options.device === "interpreter") return new InterpreterKernel(ready, options);
  if (options.device === "native") return await requiredDevice("native").compile(ready, options);
  const plan = wasmPlan(ready, options);
  return chosen(new WasmRunner(plan, await compileModule(plan.code.bytes)), options);
}

/** Compiles on the calling thread. */
export function compileKernelSync(program: Program, options: KernelOptions): Kernel {
  const ready = prepared(program);
  if (options.device === "interpreter") return new InterpreterKernel(ready, options);
  if (options.device === "native") return requiredDevice("native").compileSync(ready, options);
  const plan = wasmPlan(ready, options);
  return chosen(new WasmRunner(plan, compileModuleSync(plan.code.bytes)), options);
}

/** "auto" has nothing to choose from where no native device is known. */
function chosen(wasm: WasmRunner, options: KernelOptions): Kernel {
  return (options.device === "auto" && registeredDevice("native")?.begin(wasm, options)) || wasm;
}
