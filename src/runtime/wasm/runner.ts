/**
 * A compiled program on WebAssembly: copies rows in by chunks, runs, copies results out.
 *
 * Shared inputs are bound again only when their numbers change. Memory is made at the first call and does not
 * depend on n.
 */

import { UsageError } from "../../errors.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { InputNode, Program } from "../../ir/types.ts";
import { checkArguments, outputArrays } from "../checks.ts";
import type { BoundRun, Kernel, KernelInfo } from "../kernel.ts";
import { boundImage } from "./bind.ts";
import {
  type Area,
  type FloatArray,
  floatView,
  Instance,
  type MemoryPlan,
  memoryFor,
  memoryPlan,
} from "./instance.ts";
import type { WasmPlan } from "./plan.ts";

/** Rows of a call: which arrays, from where to where. */
interface Span {
  readonly inputs: readonly FloatArray[];
  readonly outs: readonly FloatArray[];
  readonly start: number;
  readonly rows: number;
}

export class WasmRunner implements Kernel {
  readonly program: Program;
  readonly #plan: WasmPlan;
  #module: WebAssembly.Module | undefined;
  #instance: Instance | undefined;
  #bound: readonly FloatArray[] | undefined;

  constructor(plan: WasmPlan, module: WebAssembly.Module) {
    this.program = plan.program;
    this.#plan = plan;
    this.#module = module;
  }

  get info(): KernelInfo {
    const { options, code, fused, threads, memory } = this.#plan;
    return {
      device: "wasm",
      dtype: options.dtype,
      threads,
      fused,
      moduleBytes: code.bytes.length,
      tileRows: code.layout.tileRows,
      memoryBytes: memory.pages * 65536,
    };
  }

  run(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): Promise<FloatArray[]> {
    return Promise.resolve().then(() => this.runSync(inputs, n, outs));
  }

  runSync(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): FloatArray[] {
    checkArguments(this.program, inputs, n);
    const results = outputArrays(this.program, n, outs, (length) => this.#floats(length));
    const instance = this.#ready(inputs);
    const rows = inputs.filter((_, index) => this.program.inputs[index]?.level === "row");
    const { rows: most } = instance.plan;
    for (let start = 0; start < n; start += most) {
      this.#runSpan(instance, { inputs: rows, outs: results, start, rows: Math.min(most, n - start) });
    }
    return results;
  }

  bindFixed(n: number, shared: readonly FloatArray[]): BoundRun {
    const { lowered, code } = this.#plan;
    const plan = memoryPlan(lowered, code, { rows: n, count: 1 });
    const instance = this.#instantiate(plan);
    this.#bind(instance, shared);
    const area = plan.areas[0] as Area;
    const views = (
      addresses: readonly number[],
      ports: readonly { buffer: { cells: number } }[],
    ): FloatArray[] =>
      addresses.map((address, index) =>
        this.#view(instance, { address, length: n * (ports[index]?.buffer.cells ?? 0) }),
      );
    return {
      inputs: views(area.inputs, lowered.inputs),
      outputs: views(area.outputs, lowered.outputs),
      run: instance.runner(area, n),
    };
  }

  dispose(): void {
    this.#module = undefined;
    this.#instance = undefined;
    this.#bound = undefined;
  }

  #runSpan(instance: Instance, { inputs, outs, start, rows }: Span): void {
    const { lowered } = this.#plan;
    const area = instance.plan.areas[0] as Area;
    lowered.inputs.forEach(({ buffer: { cells } }, index) => {
      const view = this.#view(instance, { address: area.inputs[index] as number, length: rows * cells });
      view.set((inputs[index] as FloatArray).subarray(start * cells, (start + rows) * cells));
    });
    instance.run(area, rows);
    lowered.outputs.forEach(({ buffer: { cells } }, index) => {
      const view = this.#view(instance, { address: area.outputs[index] as number, length: rows * cells });
      outs[index]?.set(view, start * cells);
    });
  }

  #view(instance: Instance, place: { address: number; length: number }): FloatArray {
    return floatView(this.#plan.options.dtype, instance.memory.buffer, place);
  }

  /** The instance with these shared inputs bound. */
  #ready(inputs: readonly FloatArray[]): Instance {
    this.#instance ??= this.#instantiate(this.#plan.memory);
    const shared = inputs.filter((_, index) => this.program.inputs[index]?.level !== "row");
    if (this.#bound === undefined || !shared.every((values, index) => equal(values, this.#bound?.[index]))) {
      this.#bind(this.#instance, shared);
      this.#bound = shared.map((values) => values.slice());
    }
    return this.#instance;
  }

  #instantiate(plan: MemoryPlan): Instance {
    if (this.#module === undefined) throw new UsageError("JR503", `"${this.program.name}" was disposed`);
    return new Instance(this.#module, memoryFor(plan, this.#plan.shared), plan);
  }

  #bind({ memory }: Instance, shared: readonly FloatArray[]): void {
    const inputs = this.program.inputs.filter((input) => input.level !== "row");
    inputs.forEach((input, index) => checkShared(input, shared[index]));
    const values = new Map(inputs.map((input, index) => [input, shared[index] as FloatArray] as const));
    new Uint8Array(memory.buffer).set(boundImage(this.#plan.lowered, this.#plan.code, values));
  }

  #floats(length: number): FloatArray {
    return this.#plan.options.dtype === "f32" ? new Float32Array(length) : new Float64Array(length);
  }
}

function checkShared(input: InputNode, values: FloatArray | undefined): void {
  const wanted = sizeOf(input.shape);
  if (values?.length === wanted) return;
  throw new UsageError(
    "JR512",
    `shared input "${input.name}" needs ${wanted} numbers, got ${values?.length ?? "none"}`,
  );
}

function equal(a: FloatArray, b: FloatArray | undefined): boolean {
  if (b === undefined || a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (!Object.is(a[index], b[index])) return false;
  return true;
}
