/**
 * One signature and width of a function: planned at once, compiled on first use, synchronously or not.
 *
 * Always: at most one kernel, whichever way it was asked for; `dispose` frees its memory.
 */

import { compileKernel, compileKernelSync, type Kernel, type KernelOptions } from "../runtime/kernel.ts";
import type { Floats } from "./arguments.ts";
import type { Entry } from "./cache.ts";
import type { Planned } from "./plan.ts";
import { Results } from "./results.ts";

/** Copies of so many bytes are kept for the next call: new memory takes longer than copying. */
const KEPT_BYTES = 1 << 20;

/** A planned function and its kernel, once there is one. */
export class Compiled implements Entry {
  active = 0;
  left = false;
  ready: Kernel | undefined;
  #pending: Promise<Kernel> | undefined;
  #copies: readonly Floats[] = [];
  readonly planned: Planned;
  readonly options: KernelOptions;
  readonly results: Results;

  constructor(planned: Planned, options: KernelOptions) {
    this.planned = planned;
    this.options = options;
    this.results = new Results(planned.program, planned.results);
  }

  sync(): Kernel {
    this.ready ??= compileKernelSync(this.planned.program, this.options);
    return this.ready;
  }

  async kernel(): Promise<Kernel> {
    if (this.ready !== undefined) return this.ready;
    this.#pending ??= compileKernel(this.planned.program, this.options);
    const kernel = await this.#pending;
    this.ready ??= kernel;
    // A synchronous call may have compiled its own while this one was pending.
    if (this.ready !== kernel) kernel.dispose();
    return this.ready;
  }

  /** The kernel, with what n bound rows need. */
  async prepare(n: number | undefined): Promise<void> {
    const kernel = await this.kernel();
    if (n !== undefined) await kernel.prepare(n);
  }

  /** What an active call's arrays hold now; the copies are its own until it ends. */
  copied(arrays: readonly Floats[]): readonly Floats[] {
    if (this.active > 1) return arrays.map((array) => array.slice());
    const copies = arrays.map((array, index) => {
      const kept = this.#copies[index];
      if (kept?.length !== array.length) return array.slice();
      kept.set(array);
      return kept;
    });
    const bytes = copies.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#copies = bytes <= KEPT_BYTES ? copies : [];
    return copies;
  }

  dispose(): void {
    this.#copies = [];
    this.ready?.dispose();
    this.ready = undefined;
  }
}
