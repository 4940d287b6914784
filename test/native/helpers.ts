/** Native kernels under test: a cache of their own, and why they are skipped where they cannot be compiled. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, type SuiteFactory } from "vitest";
import type { Program } from "../../src/ir/types.ts";
import { registeredDevice } from "../../src/runtime/devices.ts";
import { compileKernelSync, type FloatArray, type Kernel } from "../../src/runtime/kernel.ts";
import { provideNative } from "../../src/runtime/native/register.ts";

provideNative();

const cache = mkdtempSync(join(tmpdir(), "jacrow-test-"));
process.env["JACROW_CACHE"] = process.env["JACROW_TEST_CACHE"] ?? join(cache, "own");
afterAll(() => rmSync(cache, { recursive: true, force: true }));

/** Why there is no native code here. */
export const obstacle: string | undefined = registeredDevice("native")?.obstacle();

/** A suite that needs a compiler and koffi; skipped with the reason in its name. */
export function describeNative(name: string, suite: SuiteFactory): void {
  if (obstacle === undefined) describe(name, suite);
  else describe.skip(`${name} (${obstacle})`, suite);
}

/** A native kernel. */
export function nativeKernel(
  program: Program,
  options: Partial<Parameters<typeof compileKernelSync>[1]>,
): Kernel {
  return compileKernelSync(program, { dtype: "f64", ...options, device: "native" });
}

/** The bytes of numbers. */
export function bytesOf({ buffer, byteOffset, byteLength }: FloatArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
