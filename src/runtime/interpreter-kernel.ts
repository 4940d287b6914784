/** The float64 interpreter as a kernel: slow, exact, needs no WebAssembly; results are rounded to the dtype. */

import { UsageError } from "../errors.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Program } from "../ir/types.ts";
import { CallArrays, floatsOf } from "./checks.ts";
import { outputLength } from "./finish.ts";
import { interpret } from "./interpreter.ts";
import type { BoundRun, Kernel, KernelInfo, KernelOptions } from "./kernel.ts";
import type { FloatArray } from "./wasm/instance.ts";

/** A program run by the interpreter. */
export class InterpreterKernel implements Kernel {
  readonly program: Program;
  readonly info: KernelInfo;
  readonly #arrays: CallArrays;
  #disposed = false;

  constructor(program: Program, { dtype }: KernelOptions) {
    this.program = program;
    this.#arrays = new CallArrays(program, dtype);
    this.info = {
      device: "interpreter",
      dtype,
      threads: 1,
      fused: false,
      moduleBytes: 0,
      tileRows: 1,
      scratchBytes: 0,
      memoryBytes: 0,
    };
  }

  runsAtOnce(): boolean {
    return false;
  }

  run(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): Promise<FloatArray[]> {
    return Promise.resolve().then(() => this.runSync(inputs, n, outs));
  }

  runSync(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): FloatArray[] {
    this.#refuseDisposed();
    return this.#rows(inputs, n, outs);
  }

  #rows(inputs: readonly FloatArray[], n: number, outs?: readonly FloatArray[]): FloatArray[] {
    this.#arrays.check(inputs, n);
    const results = this.#arrays.results(n, outs);
    interpret(this.program, inputs, n).forEach((values, index) => {
      const { level } = (this.program.outputs[index] as Program["outputs"][number]).value;
      const result = results[index] as FloatArray;
      if (level === "row" || level === "finish") result.set(values);
      else for (let row = 0; row < n; row++) result.set(values, row * values.length);
    });
    return results;
  }

  async prepare(): Promise<void> {}

  bindFixed(n: number, shared: readonly FloatArray[]): BoundRun {
    this.#refuseDisposed();
    const { program } = this;
    const { dtype } = this.info;
    const inputs = program.inputs
      .filter((input) => input.level === "row")
      .map((input) => floatsOf(dtype, n * sizeOf(input.shape)));
    const outputs = program.outputs.map((output) => floatsOf(dtype, outputLength(output, n)));
    const rows = inputs.values();
    const all = program.inputs.map((input) =>
      input.level === "row" ? (rows.next().value as FloatArray) : undefined,
    );
    const filled = (numbers: readonly FloatArray[]): FloatArray[] => {
      const bound = numbers.values();
      return all.map((data) => data ?? (bound.next().value as FloatArray));
    };
    const copied = (numbers: readonly FloatArray[]): FloatArray[] =>
      filled(numbers.map((each) => each.slice()));
    let given = copied(shared);
    return {
      inputs,
      outputs,
      run: () => void this.#rows(given, n, outputs),
      rebind: (numbers) => {
        given = copied(numbers);
      },
    };
  }

  dispose(): void {
    this.#disposed = true;
  }

  #refuseDisposed(): void {
    if (this.#disposed) throw new UsageError("JR863", `"${this.program.name}" was disposed`);
  }
}
