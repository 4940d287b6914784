/** The device "native" and code for few rows: provided by Node's entry points only. */

import { provideFeatures } from "../../codegen/features.ts";
import type { Program } from "../../ir/types.ts";
import { AutoKernel } from "../auto.ts";
import { type NativeOffer, registerDevice } from "../devices.ts";
import type { Kernel, KernelOptions } from "../kernel.ts";
import { buildLibrary, buildLibrarySync, knownLibrary } from "./build.ts";
import { findCompiler } from "./compiler.ts";
import { loadLibrary, requireKoffi } from "./library.ts";
import { nativePlan } from "./plan.ts";
import { NativeRunner } from "./runner.ts";

/** Makes the device known. */
export function provideNative(): void {
  provideFeatures();
  registerDevice("native", { compile, compileSync, begin, offer, obstacle });
}

async function compile(program: Program, options: KernelOptions): Promise<Kernel> {
  requireKoffi();
  const plan = nativePlan(program, options);
  return new NativeRunner(plan, loadLibrary(await buildLibrary(plan.code.source, plan.compiler)));
}

function compileSync(program: Program, options: KernelOptions): Kernel {
  requireKoffi();
  const plan = nativePlan(program, options);
  return new NativeRunner(plan, loadLibrary(buildLibrarySync(plan.code.source, plan.compiler)));
}

function begin(first: Kernel, options: KernelOptions): Kernel {
  return new AutoKernel(first, options);
}

function offer(program: Program, options: KernelOptions): NativeOffer {
  requireKoffi();
  const plan = nativePlan(program, options);
  const { source } = plan.code;
  const kernel = (path: string): Kernel => new NativeRunner(plan, loadLibrary(path));
  return {
    cached: () => {
      const known = knownLibrary(source, plan.compiler);
      return known === undefined ? undefined : kernel(known);
    },
    build: async () => kernel(await buildLibrary(source, plan.compiler, { aside: true })),
  };
}

function obstacle(): string | undefined {
  try {
    requireKoffi();
    findCompiler();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
