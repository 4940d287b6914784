/** Everything about a native kernel that is decided before compiling. */

import type { COptions } from "../../codegen/c/body.ts";
import { type CKernel, cKernel } from "../../codegen/c/kernel.ts";
import { lanesOf } from "../../codegen/c/vectors.ts";
import { featureCode } from "../../codegen/few-rows.ts";
import type { Program } from "../../ir/types.ts";
import { lower } from "../../lower/index.ts";
import type { Dtype } from "../../lower/lanes.ts";
import type { Lowered } from "../../lower/loops.ts";
import { tableFormulas } from "../../lower/math/pieces.ts";
import { byTurns } from "../../lower/math/together.ts";
import { withSlicedOutput } from "../../lower/sliced-output.ts";
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
  /** Up to so many rows are better run with lanes along features, by code of their own. */
  readonly mostFewRows: number;
}

/** The same plan for few rows, with lanes along features. */
export function apartPlan(plan: NativePlan): NativePlan {
  const { lowered, compiler, fused } = plan;
  const options = codeOptions(compiler, { fused, dtype: lowered.dtype });
  const code = cKernel(lowered, { ...options, apart: featureCode() });
  return { ...plan, threads: 1, code, mostFewRows: 0 };
}

function codeOptions(
  { vectorBytes, registers }: Compiler,
  { fused, dtype }: { fused: boolean; dtype: Dtype },
): Pick<COptions, "vectorBytes" | "registers" | "fused" | "embeds" | "tables" | "byTurns"> {
  const embeds = fused && vectorBytes === 64;
  const tables = embeds && dtype === "f32" ? tableFormulas : undefined;
  return { vectorBytes, registers, fused, embeds, tables, byTurns };
}

/** Lowers and writes the code of a prepared program. */
export function nativePlan(program: Program, options: KernelOptions): NativePlan {
  const compiler = findCompiler();
  const fused = options.deterministic !== true && (options.relaxed ?? true) && compiler.fused;
  const lowered = lower(program, { dtype: options.dtype, slices: withSlicedOutput });
  // The lanes of a sum over rows are added one by one: the same bits as on WebAssembly need vectors as wide.
  const narrow = options.deterministic === true && lowered.sums.length > 0;
  const coding = codeOptions(compiler, { fused, dtype: options.dtype });
  const mostRows = featureCode()?.mostRows(lowered, lanesOf({ ...coding, dtype: options.dtype })) ?? 0;
  const always = mostRows === Number.POSITIVE_INFINITY;
  const code = cKernel(lowered, {
    ...coding,
    ...(narrow && { vectorBytes: 16, registers: undefined }),
    apart: always ? featureCode() : undefined,
  });
  const threads = options.threads ?? 1;
  return { program, options, lowered, code, compiler, fused, threads, mostFewRows: always ? 0 : mostRows };
}
