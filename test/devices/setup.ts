/**
 * The suite on one device: `JACROW_TEST_DEVICE=native npx vitest run test/api` compiles there whatever a test compiles.
 *
 * In: the name of a device. Out: kernels of that device, wherever the package compiles for any. Always: what tests expect stays; where
 * the device cannot be used, every test is skipped with the reason.
 */

import { beforeEach, vi } from "vitest";
import type { DeviceName, KernelOptions } from "../../src/runtime/kernel.ts";

const state: { obstacle?: string | undefined } = {};
beforeEach((context) => context.skip(state.obstacle !== undefined, state.obstacle));

vi.mock("../../src/runtime/kernel.ts", async (original) => {
  const real = await original<typeof import("../../src/runtime/kernel.ts")>();
  const device = process.env["JACROW_TEST_DEVICE"] as DeviceName;
  const there = (options: KernelOptions): KernelOptions => ({ ...options, device });
  const { provideNative } = await import("../../src/runtime/native/register.ts");
  const { registeredDevice } = await import("../../src/runtime/devices.ts");
  provideNative();
  state.obstacle = device === "native" ? registeredDevice(device)?.obstacle() : undefined;
  return {
    ...real,
    compileKernel: ((program, options) =>
      real.compileKernel(program, there(options))) satisfies typeof real.compileKernel,
    compileKernelSync: ((program, options) =>
      real.compileKernelSync(program, there(options))) satisfies typeof real.compileKernelSync,
  };
});
