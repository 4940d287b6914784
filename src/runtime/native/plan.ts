/** Everything about a native kernel that is decided before compiling. */

import { type CKernel, cKernel } from "../../codegen/c/kernel.ts";
import type { Program } from "../../ir/types.ts";
import { lower } from "../../lower/index.ts";
import type { Lowered } from "../../lower/loops.ts";
import { tableFormulas } from "../../lower/math/pieces.ts";
import type { KernelOptions } from "../kernel.ts";
import { type Compiler, findCompiler } from "./compiler.ts";

/** The decisions. */
export interface NativePlan {
  readonly program: Program;
  readonly options: KernelOptions;
  readonly lowered: Lowered;
  readonly code: CKernel;
  readonly compiler: Compiler;
  readonly fused: boolean;
  readonly threads: number;
}

/** Lowers and writes the code of a prepared program. */
export function nativePlan(program: Program, options: KernelOptions): NativePlan {
  const compiler = findCompiler();
  const fused = options.deterministic !== true && (options.relaxed ?? true) && compiler.fused;
  const lowered = lower(program, { dtype: options.dtype });
  // The lanes of a sum over rows are added one by one: the same bits as on WebAssembly need vectors as wide.
  const narrow = options.deterministic === true && lowered.sums.length > 0;
  const { vectorBytes } = compiler;
  const tables = fused && vectorBytes === 64 && options.dtype === "f32" ? tableFormulas : undefined;
  const code = cKernel(lowered, { vectorBytes: narrow ? 16 : vectorBytes, fused, tables });
  return { program, options, lowered, code, compiler, fused, threads: options.threads ?? 1 };
}
