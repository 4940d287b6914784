/** Everything about a wasm kernel that is decided before compiling: its code, and how its memory is cut. */

import { type FeatureCode, featureCode } from "../../codegen/few-rows.ts";
import { type WasmKernel, wasmKernel } from "../../codegen/wasm/kernel.ts";
import type { Program } from "../../ir/types.ts";
import { lower } from "../../lower/index.ts";
import { type Lowered, rowCells } from "../../lower/loops.ts";
import type { KernelOptions } from "../kernel.ts";
import { hasRelaxedSimd, hasSharedMemory, keepsOrder } from "./features.ts";
import { type MemoryPlan, memoryPlan } from "./instance.ts";

/** Rows of one call into WebAssembly take about this many bytes of inputs and outputs. */
const CHUNK_BYTES = 256 * 1024;

/** The decisions. */
export interface WasmPlan {
  readonly program: Program;
  readonly options: KernelOptions;
  readonly lowered: Lowered;
  readonly code: WasmKernel;
  readonly fused: boolean;
  readonly shared: boolean;
  readonly threads: number;
  readonly threadsNote: string | undefined;
  readonly memory: MemoryPlan;
  /** Up to so many rows are better run with lanes along features, by code of their own. */
  readonly mostFewRows: number;
  /** Writes such code where it is best for any number of rows. */
  readonly apart: FeatureCode | undefined;
}

/** Lowers and writes the code of a prepared program. */
export function wasmPlan(program: Program, options: KernelOptions): WasmPlan {
  const fused = options.deterministic !== true && (options.relaxed ?? true) && hasRelaxedSimd();
  const wanted = options.threads ?? 1;
  const shared = wanted > 1 && hasSharedMemory();
  const lowered = lower(program, { dtype: options.dtype, slices: featureCode()?.slices });
  const most = featureCode()?.mostRows(lowered, options.dtype === "f32" ? 4 : 2) ?? 0;
  const apart = most === Number.POSITIVE_INFINITY ? featureCode() : undefined;
  const code = wasmKernel(lowered, { fused, shared, ordered: fused && keepsOrder(), apart });
  const threads = shared ? wanted : 1;
  const threadsNote =
    threads < wanted
      ? "one thread: no SharedArrayBuffer here (a page must be cross-origin isolated)"
      : undefined;
  const memory = memoryPlan(lowered, code, { rows: chunkRows(lowered, code), threads: 1, slots: 1 });
  const mostFewRows = apart === undefined ? most : 0;
  return { program, options, lowered, code, fused, shared, threads, threadsNote, memory, mostFewRows, apart };
}

/** Rows per call: whole tiles. */
function chunkRows(lowered: Lowered, { layout }: WasmKernel): number {
  const cells = [...lowered.inputs, ...lowered.outputs].reduce((sum, port) => sum + rowCells(port), 0);
  const tileBytes = cells * layout.bytes * layout.tileRows;
  return layout.tileRows * Math.max(1, Math.floor(CHUNK_BYTES / Math.max(1, tileBytes)));
}
