/**
 * The suite on one device: `JACROW_TEST_DEVICE=native npx vitest run test/api` compiles there whatever a test compiles.
 *
 * In: the name of a device. Out: kernels of that device, wherever the package compiles for any. Always: what tests expect stays; where
 * the device cannot be used, every test is skipped with the reason.
 */

import { beforeEach, vi } from "vitest";
import type * as kernel from "../../src/runtime/kernel.ts";

const state: { obstacle?: string | undefined } = {};
beforeEach((context) => context.skip(state.obstacle !== undefined, state.obstacle));

vi.mock("../../src/runtime/kernel.ts", async (original) => {
  const real = await original<typeof kernel>();
  const device = process.env["JACROW_TEST_DEVICE"] as kernel.DeviceName;
  const { provideNative } = await import("../../src/runtime/native/register.ts");
  const { registeredDevice } = await import("../../src/runtime/devices.ts");
  provideNative();
  state.obstacle = device === "native" ? registeredDevice(device)?.obstacle() : undefined;
  const compileKernel: typeof real.compileKernel = (program, options) =>
    real.compileKernel(program, { ...options, device });
  const compileKernelSync: typeof real.compileKernelSync = (program, options) =>
    real.compileKernelSync(program, { ...options, device });
  return { ...real, compileKernel, compileKernelSync };
});
