/** Checks what is handed to a kernel: counts and sizes, with the argument's name in the message. */

import { UsageError } from "../errors.ts";
import { sizeOf } from "../ir/shape.ts";
import type { InputNode, Program } from "../ir/types.ts";
import type { Dtype } from "../lower/lanes.ts";
import { outputLength } from "./finish.ts";
import type { FloatArray } from "./wasm/instance.ts";

/** Throws unless there is one array of the right length per input. */
export function checkArguments(program: Program, inputs: readonly FloatArray[], n: number): void {
  if (!Number.isSafeInteger(n) || n < 0)
    throw new UsageError("JR870", `n must be a whole number of rows, not ${n}`);
  if (inputs.length !== program.inputs.length) {
    throw new UsageError(
      "JR871",
      `"${program.name}" takes ${program.inputs.length} inputs, got ${inputs.length}`,
    );
  }
  for (let index = 0; index < inputs.length; index++) {
    const { name, shape, level } = program.inputs[index] as InputNode;
    const wanted = sizeOf(shape) * (level === "row" ? n : 1);
    const { length } = inputs[index] as FloatArray;
    if (length !== wanted)
      throw new UsageError("JR872", `input "${name}" needs ${wanted} numbers, got ${length}`);
  }
}

/** Zeros of the dtype. */
export function floatsOf(dtype: Dtype, length: number): FloatArray {
  return dtype === "f32" ? new Float32Array(length) : new Float64Array(length);
}

/** The arrays results go to: those given, checked, or new ones. */
export function outputArrays(
  program: Program,
  { n, outs, dtype }: { n: number; outs: readonly FloatArray[] | undefined; dtype: Dtype },
): FloatArray[] {
  if (outs === undefined) return program.outputs.map((output) => floatsOf(dtype, outputLength(output, n)));
  program.outputs.forEach((output, index) => {
    const length = outputLength(output, n);
    const given = outs[index]?.length ?? 0;
    if (given !== length) {
      throw new UsageError("JR873", `out for "${output.name}" needs ${length} numbers, got ${given}`);
    }
  });
  return [...outs];
}
