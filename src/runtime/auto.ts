/**
 * Device "auto": WebAssembly at first, native code once calls add up to work that repays compiling it.
 *
 * Operations are counted, never timed, so the same calls take the same way on every run. A library that is cached is taken as soon
 * as looking for it pays; else it is compiled in a process beside this one, and later calls use it when it is there. A call is
 * computed by one of the two from its first row to its last. Where native code cannot be had, WebAssembly stays.
 */

import { nodesOf } from "../ir/graph.ts";
import type { Program } from "../ir/types.ts";
import { type NativeOffer, requiredDevice } from "./devices.ts";
import type { BoundRun, FloatArray, Kernel, KernelInfo, KernelOptions } from "./kernel.ts";
import { workOf } from "./work.ts";

/** Operations after which a cached library is looked for: writing its source takes about as long (20–60 ms). */
const LOOK_WORK = 2e9;
/** Operations after which one is compiled: about what WebAssembly computes while a compiler runs, and more per node of the program. */
const COMPILE_WORK = 2e10;
const COMPILE_WORK_PER_NODE = 1e7;
/** A single call of so many times that work waits for the compiler. */
const WAIT = 4;

/** A kernel that begins on WebAssembly. */
export class AutoKernel implements Kernel {
  readonly program: Program;
  readonly #options: KernelOptions;
  readonly #rowWork: number;
  readonly #compileWork: number;
  #kernel: Kernel;
  /** Operations of all calls so far. */
  #work = 0;
  #offer: NativeOffer | undefined;
  #building: Promise<void> | undefined;
  #note: string | undefined;
  #disposed = false;
  /** Nothing is left to decide. */
  #settled = false;
  /** Calls that run on a kernel, and what to free after the last of them. */
  #running = 0;
  #retired: Kernel | undefined;

  constructor(wasm: Kernel, options: KernelOptions) {
    this.program = wasm.program;
    this.#kernel = wasm;
    this.#options = options;
    this.#rowWork = workOf(wasm.program);
    this.#compileWork = COMPILE_WORK + COMPILE_WORK_PER_NODE * nodesOf(wasm.program).length;
  }

  get info(): KernelInfo {
    const { notes = [], ...info } = this.#kernel.info;
    return { ...info, notes: this.#note === undefined ? notes : [...notes, this.#note] };
  }

  /** Not where the call may be worth waiting for a compiler. */
  runsAtOnce(n: number): boolean {
    return (this.#settled || n * this.#rowWork <= LOOK_WORK) && this.#kernel.runsAtOnce(n);
  }

  run(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): Promise<FloatArray[]> {
    if (this.#settled) return this.#kernel.run(inputs, n, outs);
    this.#count(n);
    return this.#counted(inputs, n, outs);
  }

  async #counted(
    inputs: readonly FloatArray[],
    n: number,
    outs?: readonly FloatArray[],
  ): Promise<FloatArray[]> {
    if (n * this.#rowWork > WAIT * this.#compileWork && this.#building !== undefined)
      await heldOpen(this.#building);
    const kernel = this.#kernel;
    this.#running++;
    try {
      return await kernel.run(inputs, n, outs);
    } finally {
      this.#running--;
      this.#free();
    }
  }

  runSync(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): FloatArray[] {
    this.#count(n);
    return this.#kernel.runSync(inputs, n, outs);
  }

  prepare(n: number): Promise<void> {
    return this.#kernel.prepare(n);
  }

  /** Views stay with the device that is in use now. */
  bindFixed(n: number, shared: readonly FloatArray[]): BoundRun {
    return this.#kernel.bindFixed(n, shared);
  }

  dispose(): void {
    this.#disposed = true;
    this.#kernel.dispose();
    this.#retired?.dispose();
    this.#retired = undefined;
  }

  /** Notes a call's work; what has become worth its price is done. */
  #count(n: number): void {
    if (this.#settled) return;
    this.#work += n * this.#rowWork;
    if (this.#work < LOOK_WORK) return;
    try {
      this.#offer ??= this.#look();
      if (this.#work >= this.#compileWork && !this.#settled) this.#building ??= this.#build(this.#offer);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #look(): NativeOffer {
    const offer = requiredDevice("native").offer(this.program, { ...this.#options, device: "native" });
    const cached = offer.cached();
    if (cached !== undefined) this.#take(cached);
    return offer;
  }

  async #build(offer: NativeOffer): Promise<void> {
    try {
      this.#take(await offer.build());
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    this.#settled = true;
    this.#note = `WebAssembly, for native code is not to be had: ${error instanceof Error ? error.message : String(error)}`;
  }

  #take(native: Kernel): void {
    if (this.#disposed) return native.dispose();
    this.#settled = true;
    this.#retired = this.#kernel;
    this.#kernel = native;
    this.#free();
  }

  #free(): void {
    if (this.#running > 0) return;
    this.#retired?.dispose();
    this.#retired = undefined;
  }
}

/** Waits for what does not keep a process from ending by itself. */
async function heldOpen(work: Promise<void>): Promise<void> {
  const hold = setInterval(() => {}, 1000);
  await work;
  clearInterval(hold);
}
