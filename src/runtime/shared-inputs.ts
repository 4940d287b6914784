/**
 * Shared inputs of a call: told apart from those of rows, by their nodes, and compared with the ones that are bound.
 *
 * In: the arrays of a call. Out: the same arrays. Always: as many numbers as each input needs.
 */

import { UsageError } from "../errors.ts";
import { sizeOf } from "../ir/shape.ts";
import type { InputNode, Program } from "../ir/types.ts";
import type { FloatArray } from "./wasm/instance.ts";

/** The arrays of a call, one per input of the program, by whether the input has a row axis. */
export function byLevel(
  program: Program,
  inputs: readonly FloatArray[],
): { rows: FloatArray[]; shared: FloatArray[] } {
  const isRow = (index: number): boolean => program.inputs[index]?.level === "row";
  return {
    rows: inputs.filter((_, index) => isRow(index)),
    shared: inputs.filter((_, index) => !isRow(index)),
  };
}

/** Shared inputs' values by their nodes. Throws unless each is there and as long as it must be. */
export function sharedValues(program: Program, shared: readonly FloatArray[]): Map<InputNode, FloatArray> {
  const inputs = program.inputs.filter((input) => input.level !== "row");
  return new Map(inputs.map((input, index) => [input, checked(input, shared[index])] as const));
}

function checked(input: InputNode, values: FloatArray | undefined): FloatArray {
  const wanted = sizeOf(input.shape);
  if (values?.length === wanted) return values;
  throw new UsageError(
    "JR872",
    `shared input "${input.name}" needs ${wanted} numbers, got ${values?.length ?? "none"}`,
  );
}

/** Equal bits: compared as words, which is several times faster than comparing numbers. */
export function sameBits(a: FloatArray, b: FloatArray | undefined): boolean {
  if (b === undefined || a.byteLength !== b.byteLength) return false;
  const [x, y] = [wordsOf(a), wordsOf(b)];
  for (let index = 0; index < x.length; index++) if (x[index] !== y[index]) return false;
  return true;
}

function wordsOf({ buffer, byteOffset, byteLength }: FloatArray): Int32Array {
  return new Int32Array(buffer, byteOffset, byteLength / 4);
}
