/**
 * Devices that only some runtimes have: they register themselves, so that pages never meet their code.
 *
 * Node's entry points register "native". Whoever compiles asks here, and says what is missing if nobody answered.
 */

import { UsageError } from "../errors.ts";
import type { Program } from "../ir/types.ts";
import type { Kernel, KernelOptions } from "./kernel.ts";

/** Compiles prepared programs for one device. */
export interface Device {
  compile(program: Program, options: KernelOptions): Promise<Kernel>;
  compileSync(program: Program, options: KernelOptions): Kernel;
  /** For device "auto": a kernel that begins as the given one and may go on as one of this device. */
  begin(first: Kernel, options: KernelOptions): Kernel;
  /** The same kernel without compiling yet. Throws where the device cannot be used. */
  offer(program: Program, options: KernelOptions): NativeOffer;
  /** Why the device cannot be used here, or undefined if it can. */
  obstacle(): string | undefined;
}

/** A kernel that can be had, at a price. */
export interface NativeOffer {
  /** The kernel, if no compiler is needed for it. */
  cached(): Kernel | undefined;
  /** Compiles in a process of its own, which holds nobody up: this one may end before it is done. */
  build(): Promise<Kernel>;
}

const devices = new Map<string, Device>();

/** Makes a device known under a name; a later one of the same name replaces it. */
export function registerDevice(name: string, device: Device): void {
  devices.set(name, device);
}

/** The device of a name, if this runtime registered it. */
export function registeredDevice(name: string): Device | undefined {
  return devices.get(name);
}

/** The device of a name. Throws `UsageError` JR880 where there is none. */
export function requiredDevice(name: string): Device {
  const device = devices.get(name);
  if (device !== undefined) return device;
  throw new UsageError(
    "JR880",
    `device "${name}" is not here: it needs Node, and an import of "jacrow/node"; device "wasm" runs everywhere`,
  );
}
